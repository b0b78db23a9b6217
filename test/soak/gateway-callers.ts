import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { Chance } from './chance.ts';

type Answer = { readonly status: number; readonly text: string };

/** What a caller does, how often of a hundred times. */
const mix = {
  whole: 42,
  stream: 24,
  cached: 8,
  response: 6,
  leavesStream: 8,
  leavesEarly: 4,
  breaksOff: 2,
  wrongKey: 2,
  badJson: 2,
  noModel: 2,
} as const;
type Kind = keyof typeof mix;
const kinds = (Object.keys(mix) as Kind[]).flatMap((kind) => Array<Kind>(mix[kind]).fill(kind));

const chat = (more: object) => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'How are you today?' }], ...more });
const path = '/v1/chat/completions';

/** Callers of all kinds, some of whom do not wait for their answers. */
export class GatewayCallers {
  /** How many requests of each kind there were. */
  readonly counts = new Map<Kind, number>();
  /** Answers that were not as they should be. */
  readonly surprises: string[] = [];
  private readonly pool: Pool;
  private readonly chance: Chance;
  private readonly url: URL;
  private readonly key: string;
  private asked = 0;

  constructor(url: string, key: string, connections: number, seed: number) {
    this.url = new URL(url);
    this.key = key;
    this.chance = new Chance(seed);
    this.pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 60_000, bodyTimeout: 60_000 });
  }

  /** Asks so many times, so many callers at once. Resolves when all have ended, one way or the other. */
  async ask(requests: number, callers: number): Promise<void> {
    let left = requests;
    const caller = async () => {
      while (left > 0) {
        left -= 1;
        await this.once(this.chance.pick(kinds));
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async once(kind: Kind): Promise<void> {
    this.asked += 1;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const problem = await this.perform(kind).catch((error: unknown) => String(error));
    if (problem !== undefined && this.surprises.length < 20) this.surprises.push(`${kind}: ${problem}`);
  }

  /** Undefined when all went as it should. */
  private async perform(kind: Kind): Promise<string | undefined> {
    switch (kind) {
      case 'whole':
        return wrong(await this.post(chat({})), 200, '"usage"');
      case 'stream':
        return wrong(await this.post(chat({ stream: true })), 200, 'data: [DONE]\n\n');
      case 'cached':
        return wrong(await this.post(chat({ temperature: 0, seed: this.chance.whole(0, 2_000) })), 200, '"usage"');
      case 'response':
        return wrong(
          await this.post(JSON.stringify({ model: 'm', input: 'hi', stream: true }), '/v1/responses'),
          200,
          'response.completed',
        );
      case 'wrongKey':
        return wrong(await this.post(chat({}), path, `sk-${this.asked}`), 401, 'invalid_api_key');
      case 'badJson':
        return wrong(await this.post('{"model":'), 400, 'malformed_json');
      case 'noModel':
        return wrong(await this.post(chat({ model: `none-${this.asked}` })), 404, 'model_not_found');
      case 'leavesStream':
        return this.leave(true);
      case 'leavesEarly':
        return this.leave(false);
      case 'breaksOff':
        return this.breakOff();
    }
  }

  private async post(body: string, to = path, key = this.key): Promise<Answer> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const { statusCode: status, body: answer } = await this.pool.request({ path: to, method: 'POST', headers, body });
    return { status, text: await answer.text() };
  }

  /** Leaves when the stream has begun, or at any moment before it is whole. */
  private async leave(begun: boolean): Promise<undefined> {
    const body = chat({ stream: true });
    const socket = connect(Number(this.url.port), this.url.hostname).on('error', () => undefined);
    socket.write(`${this.head(body.length)}${body}`);
    if (begun) await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    else await sleep(this.chance.whole(0, 5));
    socket.destroy();
  }

  /** Leaves within the request. */
  private async breakOff(): Promise<undefined> {
    const body = chat({});
    const request = `${this.head(body.length)}${body}`;
    const socket = connect(Number(this.url.port), this.url.hostname).on('error', () => undefined);
    await new Promise((resolve) => socket.write(request.slice(0, this.chance.whole(1, request.length - 1)), resolve));
    socket.destroy();
  }

  private head(length: number): string {
    return `POST ${path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${this.key}\r\nContent-Length: ${length}\r\n\r\n`;
  }
}

function wrong({ status, text }: Answer, wanted: number, part: string): string | undefined {
  return status === wanted && text.includes(part) ? undefined : `${status} ${text.slice(0, 200)}`;
}
