import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { type ApiServerOptions, type RunningApiServer, startApiServer } from '../../src/local/apiserver/server.ts';

export type ApiAnswer = {
  readonly code: number;
  readonly body: JsonObject;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};
type CallOptions = { readonly type?: string; readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal };

/** A real API server on a real socket, in a directory of its own, with a plain client for it. */
export class TestApiServer implements AsyncDisposable {
  readonly server: RunningApiServer;
  private readonly directory: string;
  private readonly options: Partial<ApiServerOptions>;
  private readonly agent: Agent;

  private constructor(server: RunningApiServer, directory: string, options: Partial<ApiServerOptions>) {
    this.server = server;
    this.directory = directory;
    this.options = options;
    this.agent = new Agent({ connect: { ca: server.caCertificate }, bodyTimeout: 0 });
  }

  static async start(options: Partial<ApiServerOptions> = {}): Promise<TestApiServer> {
    const directory = options.stateDir ?? (await mkdtemp(join(tmpdir(), 'modelfleet-apiserver-')));
    const server = await startApiServer({ logger: silentLogger, ...options, stateDir: directory });
    return new TestApiServer(server, directory, options);
  }

  /** Stops the server and starts another one on the same state. */
  async restart(): Promise<TestApiServer> {
    await this.stop();
    return TestApiServer.start({ ...this.options, stateDir: this.directory });
  }

  async call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: JsonValue | string,
    options: CallOptions = {},
  ): Promise<ApiAnswer> {
    const answer = await request(`${this.server.url}${path}`, {
      method,
      dispatcher: this.agent,
      headers: {
        authorization: `Bearer ${this.server.token}`,
        'user-agent': 'tester/1.0',
        ...(body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const text = await answer.body.text();
    return { code: answer.statusCode, body: parseObject(text), text, headers: answer.headers };
  }

  get = (path: string, options?: CallOptions) => this.call('GET', path, undefined, options);
  post = (path: string, body: JsonValue | string, options?: CallOptions) => this.call('POST', path, body, options);
  put = (path: string, body: JsonValue, options?: CallOptions) => this.call('PUT', path, body, options);
  delete = (path: string, body?: JsonValue, options?: CallOptions) => this.call('DELETE', path, body, options);
  mergePatch = (path: string, body: JsonValue) => this.call('PATCH', path, body, { type: 'application/merge-patch+json' });
  jsonPatch = (path: string, body: JsonValue) => this.call('PATCH', path, body, { type: 'application/json-patch+json' });
  strategicPatch = (path: string, body: JsonValue) => this.call('PATCH', path, body, { type: 'application/strategic-merge-patch+json' });
  apply = (path: string, body: JsonValue | string, query = 'fieldManager=tester') =>
    this.call('PATCH', `${path}?${query}`, body, { type: 'application/apply-patch+yaml' });

  /** The events of a watch, until the reader leaves or the server ends it. */
  async *watch(path: string, signal?: AbortSignal): AsyncGenerator<{ type: string; object: JsonObject }> {
    const leave = new AbortController();
    const answer = await request(`${this.server.url}${path}`, {
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${this.server.token}` },
      signal: signal ? AbortSignal.any([signal, leave.signal]) : leave.signal,
    });
    if (answer.statusCode !== 200) throw new Error(`the watch was answered ${answer.statusCode}: ${await answer.body.text()}`);
    answer.body.on('error', () => {}); // Leaving early is no error.
    let rest = '';
    try {
      for await (const chunk of answer.body) {
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const { type, object } = parseObject(line);
          yield { type: String(type), object: isJsonObject(object) ? object : {} };
        }
      }
    } finally {
      leave.abort();
    }
  }

  private async stop(): Promise<void> {
    await this.agent.destroy();
    await this.server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.options.stateDir === undefined) await rm(this.directory, { recursive: true, force: true });
  }
}

function parseObject(text: string): JsonObject {
  if (!text.startsWith('{')) return {};
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}
