import { randomInt } from 'node:crypto';
import type { LlamaContextSequence, LlamaModel, SequenceEvaluateOptions, Token } from 'node-llama-cpp';
import type { JsonObject } from '../../../core/json.ts';
import {
  type ChatMessage,
  type Engine,
  type GenerateEvent,
  type GenerateRequest,
  type LoadedModel,
  type LoadRequest,
  type Prompt,
  RefusedError,
  type Sampling,
} from '../engine.ts';
import { StopMatcher } from '../stop-strings.ts';
import { ChatTemplate } from './chat-template.ts';
import { StreamDetokenizer } from './detokenizer.ts';
import { type LoadedLlama, loadLlama } from './loaded-llama.ts';
import { chooseSlot } from './slots.ts';

/** A prompt is worked through in pieces of this many tokens, so that an abort frees the sequence soon and others go on meanwhile. */
const promptPieceTokens = 128;
/** How many generated tokens the penalties look back at. */
const penaltyWindowTokens = 1024;

type Sequence = { readonly sequence: LlamaContextSequence; busy: boolean; lastUsedAt: number };

/** llama.cpp through node-llama-cpp: every running request has a sequence of one context, and each step decodes them all together. */
export class LlamaEngine implements Engine {
  private loaded: LoadedLlama | undefined;
  private template: ChatTemplate | undefined;
  private sequences: Sequence[] = [];
  private uses = 0;

  async load(request: LoadRequest, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<LoadedModel> {
    onProgress(0);
    let last = 0;
    const loaded = await loadLlama(
      request,
      (fraction) => {
        // llama.cpp repeats itself, and counts the context's buffers after the weights: 1 is ours to say, when all is there.
        if (fraction <= last || fraction >= 1) return;
        last = fraction;
        onProgress(fraction);
      },
      signal,
    );
    const { model, context, contextLength, device, threads } = loaded;
    this.template = readTemplate(model);
    this.sequences = Array.from({ length: request.maxSequences }, () => ({ sequence: context.getSequence(), busy: false, lastUsedAt: 0 }));
    this.loaded = loaded;
    onProgress(1);
    return { device, contextLength, maxSequences: request.maxSequences, threads };
  }

  async tokenize(text: string): Promise<readonly number[]> {
    return this.get().model.tokenize(text);
  }

  async render(messages: readonly ChatMessage[], templateArguments?: JsonObject): Promise<string> {
    return this.chatTemplate().render(messages, templateArguments);
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const { contextLength } = this.get();
    const prompt = this.tokenizePrompt(request.prompt);
    if (prompt.length >= contextLength) throw new RefusedError({ kind: 'contextLength', limit: contextLength, asked: prompt.length + 1 });
    const taken = this.take(prompt, request.sampling.seed !== undefined);
    try {
      yield* this.run(taken.slot.sequence, prompt, taken.reuse, request, signal);
    } finally {
      taken.slot.busy = false;
    }
  }

  async dispose(): Promise<void> {
    await this.loaded?.llama.dispose();
    this.loaded = undefined;
  }

  private async *run(
    sequence: LlamaContextSequence,
    prompt: readonly Token[],
    reuse: number,
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    const { model, contextLength } = this.get();
    await sequence.adaptStateToTokens(prompt.slice(0, reuse), false);
    // Some models cannot drop the end of their state: what is left tells what must be computed.
    const cachedTokens = Math.min(sequence.nextTokenIndex, reuse);
    yield { kind: 'started', promptTokens: prompt.length, cachedTokens };

    const lastPiece = Math.max(cachedTokens, prompt.length - promptPieceTokens);
    for (let from = cachedTokens; from < lastPiece; from += promptPieceTokens) {
      const to = Math.min(from + promptPieceTokens, lastPiece);
      await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(from, to));
      if (signal.aborted) return;
      yield { kind: 'prompt', tokens: to };
    }

    const budget = Math.min(request.maxTokens ?? contextLength, contextLength - prompt.length);
    const detokenizer = new StreamDetokenizer<Token>((tokens, before) => model.detokenize(tokens, false, before), prompt);
    const stops = new StopMatcher(request.stop);
    const generated: Token[] = [];
    const options: SequenceEvaluateOptions = { ...samplerOptions(request.sampling, generated), yieldEogToken: true };
    const finish = (finishReason: 'stop' | 'length'): GenerateEvent => ({
      kind: 'done',
      finishReason,
      usage: { promptTokens: prompt.length, completionTokens: generated.length, cachedTokens },
    });

    for await (const token of sequence.evaluate(prompt.slice(lastPiece), options)) {
      if (signal.aborted) return;
      if (model.isEogToken(token) && !request.ignoreEnd) {
        const rest = stops.push(detokenizer.flush().text);
        const text = rest.stopped ? rest.text : rest.text + stops.flush();
        if (text !== '') yield { kind: 'text', text, tokens: 0 };
        yield finish('stop');
        return;
      }
      generated.push(token);
      const piece = detokenizer.push(token);
      const safe = stops.push(piece.text);
      if (safe.text !== '') yield { kind: 'text', text: safe.text, tokens: piece.tokens };
      if (safe.stopped) {
        yield finish('stop');
        return;
      }
      if (generated.length >= budget) {
        const rest = stops.push(detokenizer.flush().text);
        const text = rest.stopped ? rest.text : rest.text + stops.flush();
        if (text !== '') yield { kind: 'text', text, tokens: 0 };
        yield finish(rest.stopped ? 'stop' : 'length');
        return;
      }
    }
  }

  private tokenizePrompt(prompt: Prompt): readonly Token[] {
    const { model } = this.get();
    if (prompt.kind === 'tokens') return checkTokens(model, prompt.tokens);
    const parts =
      prompt.kind === 'text'
        ? [{ text: prompt.text, markup: true }]
        : this.chatTemplate().parts(prompt.messages, (text) => hasSpecialTokens(model, text), prompt.templateArguments);
    const tokens = parts.flatMap((part) => model.tokenize(part.text, part.markup));
    const { bos, shouldPrependBosToken } = model.tokens;
    if (shouldPrependBosToken && bos !== null && tokens[0] !== bos) tokens.unshift(bos);
    if (tokens.length === 0) throw new RefusedError({ kind: 'prompt', message: 'The prompt is empty.' });
    return tokens;
  }

  /** A seeded request gets the same text each time only if it computes the same way each time: it reuses nothing. */
  private take(prompt: readonly Token[], afresh: boolean): { slot: Sequence; reuse: number } {
    const choice = chooseSlot(
      this.sequences.map(({ sequence, busy, lastUsedAt }, id) => ({ id, busy, lastUsedAt, cached: busy ? [] : sequence.contextTokens })),
      prompt,
    );
    const slot = choice && this.sequences[choice.id];
    if (!slot) throw new Error('every sequence is busy: more requests run than the engine was loaded for');
    slot.busy = true;
    this.uses += 1;
    slot.lastUsedAt = this.uses;
    return { slot, reuse: afresh ? 0 : choice.reuse };
  }

  private chatTemplate(): ChatTemplate {
    if (this.template) return this.template;
    throw new RefusedError({ kind: 'prompt', message: 'The model has no chat template: use /v1/completions with a finished prompt.' });
  }

  private get(): LoadedLlama {
    if (!this.loaded) throw new Error('no model is loaded');
    return this.loaded;
  }
}

function samplerOptions(sampling: Sampling, generated: readonly Token[]): SequenceEvaluateOptions {
  const { temperature, topP, topK, minP, presencePenalty, frequencyPenalty, repetitionPenalty } = sampling;
  const penalised = presencePenalty !== 0 || frequencyPenalty !== 0 || repetitionPenalty !== 1;
  return {
    temperature,
    topP,
    topK,
    minP,
    seed: sampling.seed ?? randomInt(2 ** 32),
    ...(penalised
      ? {
          repeatPenalty: {
            punishTokens: () => generated.slice(-penaltyWindowTokens),
            maxPunishTokens: penaltyWindowTokens,
            penalty: repetitionPenalty,
            presencePenalty,
            frequencyPenalty,
          },
        }
      : {}),
  };
}

function hasSpecialTokens(model: LlamaModel, text: string): boolean {
  return model.tokenize(text, true).some((token) => model.isSpecialToken(token));
}

function checkTokens(model: LlamaModel, tokens: readonly number[]): readonly Token[] {
  const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const wrong = tokens.find((token) => token >= vocabulary);
  if (wrong !== undefined)
    throw new RefusedError({ kind: 'prompt', message: `The token ${wrong} is not in the model's vocabulary of ${vocabulary}.` });
  return tokens as readonly Token[];
}

function readTemplate(model: LlamaModel): ChatTemplate | undefined {
  const source = model.fileInfo.metadata.tokenizer.chat_template;
  return source ? new ChatTemplate(source, { bos: model.tokens.bosString ?? '', eos: model.tokens.eosString ?? '' }) : undefined;
}
