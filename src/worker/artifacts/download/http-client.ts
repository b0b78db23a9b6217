import { type Dispatcher, EnvHttpProxyAgent, interceptors } from 'undici';
import { Failure } from '../../../core/failure.ts';
import { Body } from './body.ts';
import { networkFailure, titleOf } from './failures.ts';

/** Time without a byte after which a connection counts as dead. */
const silenceMs = 30_000;
const connectMs = 10_000;
const mostRedirects = 10;

export type HttpClientOptions = {
  /** Sent as `Authorization: Bearer`, to the host of the URL only. */
  readonly token?: string | undefined;
  readonly silenceMs?: number;
};

export type Answer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> & { readonly body: Body };

/** GET requests for files: follows redirects, goes through the proxy of the environment, gives up on silence. */
export class HttpClient implements AsyncDisposable {
  private readonly dispatcher: Dispatcher;
  private readonly authorization: Readonly<Record<string, string>>;

  constructor(options: HttpClientOptions = {}) {
    const timeout = options.silenceMs ?? silenceMs;
    const token = options.token?.trim() ?? '';
    if (!/^[\x21-\x7e]*$/.test(token))
      throw new Failure('SourceUnauthorized', 'MODEL_SOURCE_TOKEN holds characters that no HTTP header may have.');
    this.authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
    const agent = new EnvHttpProxyAgent({ headersTimeout: timeout, bodyTimeout: timeout, connect: { timeout: connectMs } });
    // Credentials are not sent to another origin: the interceptor leaves them out there.
    this.dispatcher = agent.compose(interceptors.redirect({ maxRedirections: mostRedirects }));
  }

  /** Resolves when the headers are there; the body must be read or destroyed. Throws a Failure or Interrupted. */
  async get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    try {
      const response = await this.dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'GET',
        // A range counts in the bytes of the file, not of a compressed form of it.
        headers: { 'accept-encoding': 'identity', 'user-agent': 'modelfleet', ...this.authorization, ...headers },
        signal,
      });
      return { statusCode: response.statusCode, headers: response.headers, body: new Body(response.body) };
    } catch (error) {
      signal.throwIfAborted();
      throw networkFailure(error, titleOf(url));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher.destroy();
  }
}
