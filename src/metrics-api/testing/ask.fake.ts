import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { Pair } from './pki.fake.ts';

/** Who asks, and who must vouch for the server. */
export type Asker = {
  /** Where the server is; this machine unless told. */
  readonly host?: string;
  readonly ca: string;
  readonly pair?: Pair | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly method?: string;
};

export type Answer = {
  readonly code: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
};

/** Asks a server, over a connection of its own, as a client that knows it by the name in its certificate. */
export async function ask(
  port: number,
  servername: string,
  path: string,
  { host = '127.0.0.1', ca, pair, headers = {}, method = 'GET' }: Asker,
): Promise<Answer> {
  const identity = pair ? { cert: pair.certificate, key: pair.key } : {};
  return new Promise<Answer>((resolve, reject) => {
    const plain = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
    );
    const asking = request({
      host,
      port,
      servername,
      path,
      method,
      headers: plain,
      ca,
      ...identity,
      agent: false,
      timeout: 10_000,
    });
    asking.once('response', (response) => {
      text(response).then((body) => {
        const type = response.headers['content-type'] ?? '';
        const content: unknown = type.startsWith('application/json') && body !== '' ? JSON.parse(body) : body;
        resolve({ code: response.statusCode ?? 0, type, headers: response.headers, body: content });
      }, reject);
    });
    asking.once('timeout', () => asking.destroy(new Error('no answer within 10 s')));
    asking.once('error', reject);
    asking.end();
  });
}
