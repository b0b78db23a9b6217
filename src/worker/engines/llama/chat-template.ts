import { randomBytes } from 'node:crypto';
import { Template } from '@huggingface/jinja';
import { describeError, Failure } from '../../../core/failure.ts';
import type { JsonObject } from '../../../core/json.ts';
import { type ChatMessage, RefusedError } from '../engine.ts';

export type SpecialTexts = { readonly bos: string; readonly eos: string };

/** A stretch of a rendered prompt: markup of the template, in which special tokens count, or text of a caller, in which they must not. */
export type PromptPart = { readonly text: string; readonly markup: boolean };

/** Renders chats with the Jinja template that a GGUF file carries, as the model was trained to read them. */
export class ChatTemplate {
  private readonly template: Template;
  private readonly special: SpecialTexts;

  /** Throws a Failure `UnsupportedModel` when the template cannot be parsed. */
  constructor(source: string, special: SpecialTexts) {
    this.special = special;
    try {
      this.template = new Template(source);
    } catch (error) {
      throw new Failure('UnsupportedModel', `The chat template of the model cannot be read: ${describeError(error)}`, { cause: error });
    }
  }

  /** The prompt text up to where the assistant's answer begins. Throws a RefusedError when the template does not take the messages. */
  render(messages: readonly ChatMessage[], templateArguments: JsonObject = {}): string {
    try {
      return this.template.render({
        ...templateArguments,
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: true,
        bos_token: this.special.bos,
        eos_token: this.special.eos,
      });
    } catch (error) {
      throw new RefusedError({ kind: 'prompt', message: `The chat template of the model refused the messages: ${describeError(error)}` });
    }
  }

  /**
   * The same prompt in parts. A message whose text would be read as special tokens (`hasSpecial`) stands in a part of its own,
   * so that a caller cannot forge a turn of the conversation. Other prompts are one part, tokenised exactly as they were trained.
   */
  parts(messages: readonly ChatMessage[], hasSpecial: (text: string) => boolean, templateArguments?: JsonObject): readonly PromptPart[] {
    const forged = new Map<string, string>();
    const nonce = randomBytes(8).toString('hex');
    const safe = messages.map((message, index) => {
      if (!hasSpecial(message.content)) return message;
      const placeholder = `[${nonce}:${index}]`;
      forged.set(placeholder, message.content);
      return { ...message, content: placeholder };
    });
    const rendered = this.render(safe, templateArguments);
    if (forged.size === 0) return [{ text: rendered, markup: true }];
    return rendered
      .split(new RegExp(`(\\[${nonce}:\\d+\\])`))
      .map((text) => ({ text: forged.get(text) ?? text, markup: !forged.has(text) }))
      .filter((part) => part.text !== '');
  }
}
