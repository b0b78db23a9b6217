import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** One server-sent event with a JSON document. */
export function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** The event with which OpenAI's streams end; a stream without it is incomplete. */
export const doneFrame = 'data: [DONE]\n\n';

/** Writes server-sent events, no faster than the caller reads them. */
export class SseWriter {
  private readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  get started(): boolean {
    return this.response.headersSent;
  }

  /** Sends the headers: the request is accepted, events will follow. */
  open(): void {
    this.response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
    this.response.flushHeaders();
  }

  /** Throws the signal's reason when the caller goes away while its buffer is full. */
  async write(text: string, signal: AbortSignal): Promise<void> {
    if (!this.response.write(text)) await once(this.response, 'drain', { signal });
  }

  end(text = ''): void {
    this.response.end(text);
  }
}
