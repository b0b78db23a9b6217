import { postRequest } from '../load.ts';
import type { BenchProcess } from '../processes.ts';

/** What is measured: a process that answers chats, for callers with these headers. */
export type Subject = {
  readonly name: string;
  readonly process: BenchProcess;
  readonly origin: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** The model that all of them are asked for. */
export const model = 'bench';

const path = '/v1/chat/completions';
const question = { model, messages: [{ role: 'user', content: 'What does a gateway cost? '.repeat(11).trim() }] };

/** A request of about 380 bytes that is answered whole. */
export function wholeRequest({ origin, headers }: Subject): Buffer {
  return postRequest(origin, path, JSON.stringify(question), headers);
}

/** One that is answered by a stream of so many frames. */
export function streamRequest(
  { origin, headers }: Subject,
  { frames, paceMs }: { readonly frames: number; readonly paceMs: number },
): Buffer {
  return postRequest(origin, path, JSON.stringify({ ...question, stream: true, max_tokens: frames, pace_ms: paceMs }), headers);
}
