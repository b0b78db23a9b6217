import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { isJsonObject } from '../../core/json.ts';
import { ApiError, ConnectionError, WriteRefused } from './api-error.ts';
import type { CredentialSource, TlsMaterial } from './credentials.ts';
import { parseRetryAfter } from './retry-after.ts';

/** Told about every answer, and `<error>` as the code when none came. */
export type ResponseObserver = (response: { readonly method: string; readonly host: string; readonly code: string }) => void;

export type TransportOptions = {
  readonly server: string;
  readonly proxyUrl?: string | undefined;
  readonly credentials: CredentialSource;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly onResponse?: ResponseObserver | undefined;
  /** Throws a WriteRefused when nothing may be written now. */
  readonly beforeWrite?: (() => void) | undefined;
};

export type HttpRequest = {
  readonly method: Dispatcher.HttpMethod;
  /** With query, without the server's own path. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The longest silence within the answer. */
  readonly idleMs: number;
  /** The longest wait for the answer's headers. */
  readonly headersMs: number;
};

export type HttpResponse = Dispatcher.ResponseData;

const maxThrottledTries = 4;
// A server that asks for longer is not waited for: the caller knows better what to do meanwhile.
const maxThrottleMs = 30_000;

/**
 * One HTTP exchange with one API server, over one undici Agent (a new one only when certificates rotate).
 * A 401 is tried once more with a fresh credential, a 429 after its Retry-After; every other answer above 299 becomes an ApiError.
 */
export class Transport {
  private readonly options: TransportOptions;
  private readonly origin: string;
  private readonly host: string;
  private readonly basePath: string;
  private agent: { tls: TlsMaterial; readonly key: string; readonly dispatcher: Dispatcher } | undefined;
  private readonly retired = new Set<Dispatcher>();
  private closed = false;

  constructor(options: TransportOptions) {
    const url = new URL(options.server);
    this.options = options;
    this.origin = url.origin;
    this.host = url.host;
    this.basePath = url.pathname.replace(/\/+$/, '');
  }

  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { clock, credentials } = this.options;
    for (let throttled = 1, refused = false; ; ) {
      const response = await this.once(request, signal);
      if (response.statusCode < 300) return response;
      const error = await readError(response, request, clock.now());
      if (error.code === 401 && !refused) {
        refused = true;
        credentials.refused();
        continue;
      }
      // Priority and fairness refuses a request before it does anything, so even a write may be sent again.
      const waitMs = error.code === 429 ? (error.retryAfterMs ?? 1000) : Number.POSITIVE_INFINITY;
      if (throttled >= maxThrottledTries || waitMs > maxThrottleMs) throw error;
      throttled++;
      await clock.sleep(waitMs, signal);
    }
  }

  /** Ends every connection at once; requests in flight fail. */
  async close(): Promise<void> {
    this.closed = true;
    const dispatchers = [...this.retired, ...(this.agent ? [this.agent.dispatcher] : [])];
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }

  private async once(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { credentials, userAgent, onResponse, beforeWrite } = this.options;
    const { method } = request;
    let code = '<error>';
    try {
      const { headers, tls } = await credentials.get();
      signal.throwIfAborted();
      if (method !== 'GET') beforeWrite?.();
      const response = await this.dispatcher(tls).request({
        origin: this.origin,
        path: this.basePath + request.path,
        method,
        headers: { accept: 'application/json', 'user-agent': userAgent, ...headers, ...request.headers },
        body: request.body ?? null,
        signal,
        headersTimeout: request.headersMs,
        bodyTimeout: request.idleMs,
      });
      code = String(response.statusCode);
      return response;
    } catch (error) {
      throw connectionError(error, request, this.origin, signal);
    } finally {
      onResponse?.({ method, host: this.host, code });
    }
  }

  private dispatcher(tls: TlsMaterial): Dispatcher {
    if (this.closed) throw new Error('the client is closed');
    if (this.agent?.tls === tls) return this.agent.dispatcher;
    const key = [tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized].map(String).join('\n');
    if (this.agent?.key === key) {
      this.agent.tls = tls;
      return this.agent.dispatcher;
    }
    if (this.agent) this.retire(this.agent.dispatcher);
    this.agent = { tls, key, dispatcher: createDispatcher(tls, this.options.proxyUrl) };
    return this.agent.dispatcher;
  }

  /** Certificates rotated: what runs on the old connections may finish there. */
  private retire(dispatcher: Dispatcher): void {
    this.retired.add(dispatcher);
    const forget = () => this.retired.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  }
}

function createDispatcher(tls: TlsMaterial, proxyUrl: string | undefined): Dispatcher {
  // HTTP/1.1: a stalled watch must not stall its neighbours, and undici's idle limit then holds for each connection by itself.
  const common = { allowH2: false, keepAliveTimeout: 30_000 };
  // 30 s as client-go: below the idle limit of common load balancers.
  const connect = { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (!proxyUrl) return new Agent({ ...common, connect });
  if (proxyUrl.startsWith('socks')) return new Socks5ProxyAgent(proxyUrl, { ...common, requestTls: connect });
  return new ProxyAgent({ ...common, uri: proxyUrl, requestTls: connect });
}

async function readError(response: HttpResponse, request: HttpRequest, now: number): Promise<ApiError> {
  const code = response.statusCode;
  const text = await response.body.text().catch(() => '');
  const context = `${request.method} ${request.path.split('?')[0]}`;
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], now);
  return new ApiError(statusOf(text, code), { context, retryAfterMs });
}

function statusOf(text: string, code: number): ApiError['status'] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (isJsonObject(parsed) && parsed.kind === 'Status') return { code, ...parsed };
  } catch {
    // Not every proxy in between speaks JSON: its words become the message.
  }
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message: text.trim().slice(0, 500) || `HTTP ${code}` };
}

/** A typed error and the caller's own abort as they are; anything else as a ConnectionError that says what was asked. */
export function connectionError(
  error: unknown,
  request: Pick<HttpRequest, 'method' | 'path'>,
  origin: string,
  signal: AbortSignal,
): unknown {
  if (error instanceof ApiError || error instanceof ConnectionError || error instanceof WriteRefused) return error;
  if (signal.aborted) return signal.reason;
  const detail = error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : String(error);
  return new ConnectionError(`${request.method} ${origin}${request.path.split('?')[0]}: ${detail}`, { cause: error });
}
