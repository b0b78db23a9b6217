import { errors, type HttpError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import {
  callItem,
  type Head,
  messageItem,
  newId,
  reasoningItem,
  responseObject,
  responseOfChat,
  statusOf,
  textPart,
} from './responses-answer.ts';
import type { AnswerTranslator } from './translator.ts';

type Kind = 'message' | 'reasoning' | 'call';

/** A part of the output that is being written. */
type Item = { readonly kind: Kind; readonly id: string; readonly callIndex: number; callId: string; name: string; text: string };

/** Turns a chat completion, whole or streamed, into a response of OpenAI's API. */
export class ResponseTranslator implements AnswerTranslator {
  private readonly asked: Readonly<Record<string, unknown>>;
  private readonly output: JsonObject[] = [];
  private head: Head | undefined;
  private item: Item | undefined;
  private usage: JsonObject | undefined;
  private finishReason: string | undefined;
  private sequence = 0;
  private ended = false;
  private written = '';

  /** `asked` is the request as its caller wrote it. */
  constructor(asked: Readonly<Record<string, unknown>>) {
    this.asked = asked;
  }

  whole(body: Buffer): Buffer {
    const chat = parse(body.toString());
    const response = chat && responseOfChat(this.asked, chat);
    // What it is, its caller can see better than we.
    return response ? Buffer.from(JSON.stringify(response)) : body;
  }

  events(events: Buffer): Buffer | undefined {
    for (const data of dataOf(events.toString())) {
      if (this.ended) break;
      if (data === '[DONE]') this.close();
      else this.take(parse(data));
    }
    return this.flush();
  }

  end(): Buffer | undefined {
    this.close();
    return this.flush();
  }

  error(error: HttpError): string {
    const { message, code, type, param } = error.toJSON().error;
    this.ended = true;
    this.emit('error', { code: code ?? type, message, param });
    return this.flush()?.toString() ?? '';
  }

  private take(chunk: JsonObject | undefined): void {
    if (!chunk) return;
    if (isJsonObject(chunk.error)) {
      const { message, code } = chunk.error;
      this.ended = true;
      this.emit('error', { code: code ?? null, message: message ?? errors.internal().message, param: null });
      return;
    }
    this.open(chunk);
    if (isJsonObject(chunk.usage)) this.usage = chunk.usage;
    const choice = Array.isArray(chunk.choices) ? chunk.choices[0] : undefined;
    if (!isJsonObject(choice)) return;
    if (isJsonObject(choice.delta)) this.delta(choice.delta);
    if (typeof choice.finish_reason === 'string') this.finishReason = choice.finish_reason;
  }

  private open({ created, model }: JsonObject): Head {
    if (this.head) return this.head;
    const createdAt = typeof created === 'number' ? created : 0;
    this.head = { id: newId('resp'), createdAt, model: typeof model === 'string' ? model : '' };
    const response = responseObject(this.asked, this.head, { status: 'in_progress', output: [] });
    this.emit('response.created', { response });
    this.emit('response.in_progress', { response });
    return this.head;
  }

  private delta({ content, reasoning_content, reasoning, tool_calls }: JsonObject): void {
    const thought = reasoning_content ?? reasoning;
    if (typeof thought === 'string' && thought !== '') this.write(this.ensure('reasoning'), thought);
    if (typeof content === 'string' && content !== '') this.write(this.ensure('message'), content);
    for (const call of Array.isArray(tool_calls) ? tool_calls : []) {
      if (!isJsonObject(call)) continue;
      const made = isJsonObject(call.function) ? call.function : {};
      const about = { callId: typeof call.id === 'string' ? call.id : '', name: typeof made.name === 'string' ? made.name : '' };
      const item = this.ensure('call', typeof call.index === 'number' ? call.index : 0, about);
      if (typeof made.arguments === 'string' && made.arguments !== '') this.write(item, made.arguments);
    }
  }

  /** The item that takes the next text; begins it when another one was written before. */
  private ensure(kind: Kind, callIndex = 0, about = { callId: '', name: '' }): Item {
    if (this.item?.kind === kind && this.item.callIndex === callIndex) return this.item;
    this.finish();
    const prefix = ({ message: 'msg', reasoning: 'rs', call: 'fc' } as const)[kind];
    const item: Item = { kind, id: newId(prefix), callIndex, text: '', ...about };
    this.item = item;
    this.emit('response.output_item.added', { output_index: this.output.length, item: itemObject(item, 'in_progress') });
    if (kind === 'message') this.emit('response.content_part.added', { ...this.place(item), part: textPart('') });
    return item;
  }

  private write(item: Item, delta: string): void {
    item.text += delta;
    if (item.kind === 'message') this.emit('response.output_text.delta', { ...this.place(item), delta, logprobs: [] });
    else if (item.kind === 'reasoning') this.emit('response.reasoning_text.delta', { ...this.place(item), delta });
    else this.emit('response.function_call_arguments.delta', { item_id: item.id, output_index: this.output.length, delta });
  }

  private finish(): void {
    const { item } = this;
    if (!item) return;
    this.item = undefined;
    const { text } = item;
    if (item.kind === 'message') {
      this.emit('response.output_text.done', { ...this.place(item), text, logprobs: [] });
      this.emit('response.content_part.done', { ...this.place(item), part: textPart(text) });
    } else if (item.kind === 'reasoning') this.emit('response.reasoning_text.done', { ...this.place(item), text });
    else {
      const place = { item_id: item.id, output_index: this.output.length };
      this.emit('response.function_call_arguments.done', { ...place, name: item.name, arguments: text });
    }
    const whole = itemObject(item, 'completed');
    this.emit('response.output_item.done', { output_index: this.output.length, item: whole });
    this.output.push(whole);
  }

  private close(): void {
    if (this.ended) return;
    const head = this.open({});
    this.finish();
    this.ended = true;
    const { output, usage, finishReason } = this;
    const status = statusOf(finishReason);
    this.emit(`response.${status}`, { response: responseObject(this.asked, head, { status, output, usage, finishReason }) });
  }

  private place(item: Item): JsonObject {
    return { item_id: item.id, output_index: this.output.length, content_index: 0 };
  }

  private emit(type: string, fields: JsonObject): void {
    this.written += `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.sequence, ...fields })}\n\n`;
    this.sequence += 1;
  }

  private flush(): Buffer | undefined {
    if (this.written === '') return undefined;
    const bytes = Buffer.from(this.written);
    this.written = '';
    return bytes;
  }
}

function itemObject(item: Item, status: 'in_progress' | 'completed'): JsonObject {
  if (item.kind === 'reasoning') return reasoningItem(item.id, item.text);
  if (item.kind === 'call') return callItem(item.id, status, { callId: item.callId, name: item.name, given: item.text });
  return messageItem(item.id, status, status === 'completed' ? [textPart(item.text)] : []);
}

/** The data of complete events, in order; comments have none. */
function* dataOf(events: string): Generator<string> {
  for (const event of events.split(/\r?\n\r?\n/)) {
    const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
    if (lines.length > 0) yield lines.map((line) => line.slice(line[5] === ' ' ? 6 : 5)).join('\n');
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // no chunk of a chat: there is nothing in it to translate
  }
}
