import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { chatDeltas, type Reply, replyTo, usage } from './script.ts';

/** A request as the engine got it. */
type Asked = { readonly path: string; readonly headers: IncomingMessage['headers']; readonly body: JsonObject; aborted: boolean };

/** An engine without a model that knows all of OpenAI's surface that clients use, and does what `script.ts` says. */
export class ScriptedEngine implements AsyncDisposable {
  readonly asked: Asked[] = [];
  private readonly server = createServer((request, response) => void this.receive(request, response));

  static async start(): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine();
    await new Promise<void>((resolve, reject) => engine.server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return engine;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The newest request. Throws when there was none. */
  get last(): Asked {
    const last = this.asked.at(-1);
    if (!last) throw new Error('the engine was never asked');
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
    const body = isJsonObject(parsed) ? parsed : {};
    const asked: Asked = { path: request.url ?? '', headers: request.headers, body, aborted: false };
    this.asked.push(asked);
    response.on('close', () => {
      asked.aborted = !response.writableFinished;
    });
    if (asked.path === '/v1/embeddings') sendJson(response, 200, embeddings(body));
    else if (asked.path === '/v1/responses') sendResponse(response, body, replyTo(body));
    else sendChat(response, body, replyTo(body));
  }
}

function sendChat(response: ServerResponse, asked: JsonObject, reply: Reply): void {
  const head = { id: 'chatcmpl-scripted', created: 1, model: asked.model ?? '' };
  if (reply.kind === 'error') sendJson(response, reply.status, { error: reply.error });
  else if (asked.stream === true) {
    const chunk = (choices: JsonValue, more: JsonObject = {}): JsonObject => ({
      ...{ ...head, object: 'chat.completion.chunk', choices },
      ...more,
    });
    const choice = (delta: JsonObject, finish_reason: JsonValue = null) => chunk([{ index: 0, delta, finish_reason }]);
    const wantsUsage = isJsonObject(asked.stream_options) && asked.stream_options.include_usage === true;
    const deltas = chatDeltas(reply).map((delta) => choice(delta));
    const end = [choice({}, finishReason(reply)), ...(wantsUsage ? [chunk([], { usage: usage(reply) })] : [])];
    sendEvents(response, reply, deltas, [...end, '[DONE]']);
  } else {
    const toolCalls = reply.kind === 'call' ? { tool_calls: [{ id: reply.id, type: 'function', function: reply.function }] } : {};
    const message = { role: 'assistant', content: reply.kind === 'call' ? null : reply.words.join(''), ...toolCalls };
    const choices = [{ index: 0, message, finish_reason: finishReason(reply) }];
    sendJson(response, 200, { ...head, object: 'chat.completion', choices, usage: usage(reply) });
  }
}

/** As vLLM does, which knows responses itself. */
function sendResponse(response: ServerResponse, asked: JsonObject, reply: Reply): void {
  if (reply.kind !== 'text') throw new Error('the script has no such response');
  const text = reply.words.join('');
  const part = { type: 'output_text', text, annotations: [] };
  const item = { id: 'msg_scripted', type: 'message', status: 'completed', role: 'assistant', content: [part] };
  const { prompt_tokens: input_tokens, completion_tokens: output_tokens, total_tokens } = usage(reply);
  const details = { input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } };
  const whole = {
    ...{ id: 'resp_scripted', object: 'response', created_at: 1, status: 'completed', model: asked.model ?? '', output: [item] },
    ...{ parallel_tool_calls: true, tool_choice: 'auto', tools: [] },
    usage: { input_tokens, output_tokens, total_tokens, ...details },
  };
  if (asked.stream !== true) {
    sendJson(response, 200, whole);
    return;
  }
  const place = { item_id: item.id, output_index: 0, content_index: 0 };
  const events: JsonObject[] = [
    { type: 'response.created', response: { ...whole, status: 'in_progress', output: [], usage: null } },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
    ...reply.words.map((delta) => ({ type: 'response.output_text.delta', ...place, delta })),
    { type: 'response.output_text.done', ...place, text },
    { type: 'response.content_part.done', ...place, part },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: whole },
  ];
  sendEvents(
    response,
    reply,
    events.map((event, index) => ({ ...event, sequence_number: index })),
    [],
  );
}

/** Sends the events, then what ends them well; a reply that breaks off has no good end, and one that goes on has none at all. */
function sendEvents(response: ServerResponse, reply: Reply, events: readonly JsonObject[], end: readonly (JsonObject | '[DONE]')[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (event: JsonObject | '[DONE]') => {
    const name = isJsonObject(event) && typeof event.type === 'string' ? `event: ${event.type}\n` : '';
    response.write(`${name}data: ${event === '[DONE]' ? event : JSON.stringify(event)}\n\n`);
  };
  for (const event of events) send(event);
  if (reply.kind === 'text' && reply.ends === 'never') return;
  if (reply.kind === 'text' && reply.ends === 'broken') {
    response.write('data: {"id":', () => response.destroy());
    return;
  }
  for (const event of end) send(event);
  response.end();
}

function finishReason({ kind }: Reply): string {
  return kind === 'call' ? 'tool_calls' : 'stop';
}

/** A vector of three numbers for each text: the first is its length. OpenAI's own clients ask for base64, other callers for numbers. */
function embeddings({ input, model, encoding_format }: JsonObject): JsonObject {
  const data = (Array.isArray(input) ? input : [input ?? '']).map((text, index) => {
    const vector = [String(text).length, 0.5, -0.25];
    const embedding = encoding_format === 'base64' ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', model: model ?? '', data, usage: { prompt_tokens: data.length, total_tokens: data.length } };
}

function sendJson(response: ServerResponse, status: number, body: JsonObject): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}
