const mark = '"content":"token-';

/** The server-sent event of frame `index`, about as long as engines' are: 190 bytes. */
export function frameEvent(index: number): string {
  const head = '"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1700000000,"model":"bench"';
  return `data: {${head},"choices":[{"index":0,"delta":{${mark}${index} "},"logprobs":null,"finish_reason":null}]}\n\n`;
}

/** What ends a stream. */
export const doneEvent = 'data: [DONE]\n\n';

/** Reads a stream of numbered frames: how many came in their order, and whether the stream came to its end. */
export class FrameReader {
  /** Frames that came, none twice and none after a later one. */
  received = 0;
  done = false;
  private next = 0;
  private rest = '';

  /** Takes what has come; tells how many frames were completed by it. */
  take(bytes: Buffer): number {
    const before = this.received;
    const text = this.rest === '' ? bytes.toString('latin1') : this.rest + bytes.toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
      this.read(text, from, end);
      from = end + 2;
    }
    this.rest = text.slice(from);
    return this.received - before;
  }

  private read(text: string, from: number, end: number): void {
    const at = text.indexOf(mark, from);
    if (at >= 0 && at < end) {
      const index = Number.parseInt(text.slice(at + mark.length, at + mark.length + 10), 10);
      if (index < this.next) return;
      this.next = index + 1;
      this.received += 1;
    } else if (text.startsWith('data: [DONE]', from)) this.done = true;
  }
}
