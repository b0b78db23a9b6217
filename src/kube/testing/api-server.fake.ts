import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { KubeObject } from '../client/types.ts';

/** One request as the server saw it. */
export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  /** Differs between connections. */
  readonly remotePort: number | undefined;
};

/** Answers a request in the server's stead; true when it did. */
export type Intercept = (request: SeenRequest, response: ServerResponse) => boolean;

type HistoryEntry = {
  readonly version: number;
  readonly plural: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
};
/** With `ca`, a client must show a certificate of that authority. */
type Tls = { readonly key: string; readonly cert: string; readonly ca?: string };
type Writable = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
};
type OpenWatch = { readonly plural: string; readonly namespace: string | undefined; readonly response: ServerResponse };
type Address = { readonly plural: string; readonly namespace: string | undefined; readonly name: string | undefined };

/** A small API server on a real socket, for tests: lists with pages, watches with history, and every fault that a client must survive. */
export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  /** How an expired watch is refused: as the HTTP status, or as an ERROR event in the stream. */
  expiredShape: 'http' | 'event' = 'http';
  supportsWatchList = false;
  private readonly server: Server;
  private readonly scheme: 'http' | 'https';
  private readonly objects = new Map<string, KubeObject>();
  private readonly history: HistoryEntry[] = [];
  private readonly watches = new Set<OpenWatch>();
  private readonly intercepts: Intercept[] = [];
  private version = 0;
  private compactedTo = 0;
  private nextUid = 0;

  private constructor(tls?: Tls) {
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.receive(request, response);
    const mutual = tls?.ca !== undefined;
    this.scheme = tls ? 'https' : 'http';
    this.server = tls ? createTlsServer({ ...tls, requestCert: mutual, rejectUnauthorized: mutual }, listener) : createServer(listener);
  }

  static async start(tls?: Tls): Promise<FakeApiServer> {
    const fake = new FakeApiServer(tls);
    await fake.resume(0);
    return fake;
  }

  /** Stops listening and breaks every connection; what it holds stays. */
  async halt(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** Listens again after `halt`. */
  async resume(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => this.server.once('error', reject).listen(port, '127.0.0.1', resolve));
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get openWatches(): number {
    return this.watches.size;
  }

  async close(): Promise<void> {
    await this.halt();
  }

  /** Adds or changes an object, as a client's write would; `recreate` gives it a new UID without telling of a deletion. */
  put(plural: string, object: Writable, recreate = false): KubeObject {
    const key = keyFor(plural, object.metadata.namespace, object.metadata.name);
    const existing = this.objects.get(key);
    if (existing && recreate) this.remove(plural, object.metadata.namespace, object.metadata.name);
    const uid = existing && !recreate ? existing.metadata.uid : `uid-${++this.nextUid}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(++this.version) } } as KubeObject;
    this.objects.set(key, stored);
    this.record(existing && !recreate ? 'MODIFIED' : 'ADDED', plural, stored);
    return stored;
  }

  remove(plural: string, namespace: string | undefined, name: string): void {
    const key = keyFor(plural, namespace, name);
    const existing = this.objects.get(key);
    if (!existing) return;
    this.objects.delete(key);
    const metadata = { ...existing.metadata, resourceVersion: String(++this.version) };
    this.record('DELETED', plural, { ...existing, metadata });
  }

  list(plural: string, namespace?: string): KubeObject[] {
    return [...this.objects].filter(([key]) => key.startsWith(`${plural}|${namespace ? `${namespace}/` : ''}`)).map(([, object]) => object);
  }

  /** The next requests that fit are answered by `intercept`, until it has answered once. */
  once(intercept: Intercept): void {
    this.intercepts.push(intercept);
  }

  /** Breaks the connection of every watch. */
  cutWatches(): void {
    for (const { response } of this.watches) response.destroy();
    this.watches.clear();
  }

  /** Ends every watch in good order, as a timeout of the server does. */
  endWatches(): void {
    for (const { response } of this.watches) response.end();
    this.watches.clear();
  }

  /** Forgets the history: a watch from before is expired. */
  compact(): void {
    this.compactedTo = this.version;
  }

  /** Sends an ERROR event on every watch, and ends it. */
  failWatches(status: JsonObject): void {
    for (const { response } of this.watches) response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    this.watches.clear();
  }

  sendBookmarks(): void {
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.version) } } };
    for (const { response } of this.watches) response.write(`${JSON.stringify(bookmark)}\n`);
  }

  /** Sends an event of the past once more to every watch: `back` 1 is the last one. */
  repeat(plural: string, back: number): void {
    const entry = this.history.filter((past) => past.plural === plural).at(-back);
    if (entry) this.broadcast(entry);
  }

  /** A list answer as it would have been at an earlier version. */
  listAt(plural: string, version: number): JsonObject {
    const past = new Map<string, KubeObject>();
    for (const entry of this.history.filter((candidate) => candidate.plural === plural && candidate.version <= version)) {
      const key = keyFor(plural, entry.object.metadata.namespace, entry.object.metadata.name);
      if (entry.type === 'DELETED') past.delete(key);
      else past.set(key, entry.object);
    }
    return listBody([...past.values()], String(version));
  }

  get currentVersion(): number {
    return this.version;
  }

  private record(type: HistoryEntry['type'], plural: string, object: KubeObject): void {
    const entry = { version: this.version, plural, type, object };
    this.history.push(entry);
    this.broadcast(entry);
  }

  private broadcast(entry: HistoryEntry): void {
    for (const watch of this.watches) if (isWatched(entry, watch)) watch.response.write(eventLine(entry));
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://server');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
      remotePort: request.socket.remotePort,
    };
    this.requests.push(seen);
    const index = this.intercepts.findIndex((intercept) => intercept(seen, response));
    if (index >= 0) this.intercepts.splice(index, 1);
    else this.answer(seen, response);
  }

  private answer(request: SeenRequest, response: ServerResponse): void {
    const address = parsePath(request.path);
    if (!address) sendStatus(response, 404, 'NotFound');
    else if (request.query.get('watch') === 'true') this.openWatch(request, address, response);
    else if (request.method === 'GET' && address.name === undefined) sendJson(response, 200, this.page(request, address));
    else this.answerObject(request, address, response);
  }

  private answerObject({ method, headers, body }: SeenRequest, address: Address, response: ServerResponse): void {
    const { plural, namespace } = address;
    const name = address.name ?? (body as KubeObject).metadata.name;
    const existing = this.objects.get(keyFor(plural, namespace, name));
    const applies = headers['content-type'] === 'application/apply-patch+yaml';
    if (method === 'POST' && existing) sendStatus(response, 409, 'AlreadyExists');
    else if (method === 'POST') sendJson(response, 201, this.put(plural, body as KubeObject));
    else if (!existing && !applies) sendStatus(response, 404, 'NotFound');
    else if (method === 'PUT' && existing && isStale(body, existing)) sendStatus(response, 409, 'Conflict');
    else if (method === 'PUT') sendJson(response, 200, this.put(plural, body as KubeObject));
    else if (method === 'PATCH') sendJson(response, 200, this.put(plural, merge(existing, body) as KubeObject));
    else if (method === 'DELETE') {
      this.remove(plural, namespace, name);
      sendJson(response, 200, { kind: 'Status', status: 'Success' });
    } else sendJson(response, 200, existing);
  }

  private page(request: SeenRequest, address: Address): JsonObject {
    const all = this.list(address.plural, address.namespace);
    const limit = Number(request.query.get('limit') ?? 0);
    const [start = 0, version = this.version] = request.query.get('continue')?.split('@').map(Number) ?? [];
    const page = limit > 0 ? all.slice(start, start + limit) : all;
    const next = limit > 0 && start + limit < all.length ? `${start + limit}@${version}` : undefined;
    return listBody(page, String(version), next);
  }

  private openWatch(request: SeenRequest, address: Address, response: ServerResponse): void {
    const streams = request.query.get('sendInitialEvents') === 'true';
    const from = Number(request.query.get('resourceVersion') || 0);
    const expired = !streams && from < this.compactedTo;
    if (streams && !this.supportsWatchList) {
      sendStatus(response, 422, 'Invalid');
      return;
    }
    if (expired && this.expiredShape === 'http') {
      sendStatus(response, 410, 'Expired');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (expired) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } })}\n`);
      return;
    }
    const watch: OpenWatch = { plural: address.plural, namespace: address.namespace, response };
    if (streams) this.sendInitialState(watch);
    else for (const entry of this.history) if (entry.version > from && isWatched(entry, watch)) response.write(eventLine(entry));
    this.watches.add(watch);
    response.on('close', () => this.watches.delete(watch));
  }

  private sendInitialState({ plural, namespace, response }: OpenWatch): void {
    for (const object of this.list(plural, namespace)) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    const metadata = { resourceVersion: String(this.version), annotations: { 'k8s.io/initial-events-end': 'true' } };
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
  }
}

export function sendJson(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function sendStatus(response: ServerResponse, code: number, reason: string, headers: Record<string, string> = {}): void {
  sendJson(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `it is ${reason}` }, headers);
}

function parsePath(path: string): Address | undefined {
  const match = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/[^/]+)?$/.exec(path);
  return match ? { namespace: match[1], plural: match[2] ?? '', name: match[3] } : undefined;
}

function keyFor(plural: string, namespace: string | undefined, name: string): string {
  return `${plural}|${namespace ? `${namespace}/` : ''}${name}`;
}

function isStale(body: unknown, existing: KubeObject): boolean {
  const { resourceVersion } = (body as KubeObject).metadata;
  return resourceVersion !== undefined && resourceVersion !== existing.metadata.resourceVersion;
}

function isWatched(entry: HistoryEntry, watch: Pick<OpenWatch, 'plural' | 'namespace'>): boolean {
  return entry.plural === watch.plural && (!watch.namespace || watch.namespace === entry.object.metadata.namespace);
}

function eventLine({ type, object }: HistoryEntry): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function listBody(items: readonly KubeObject[], resourceVersion: string, next?: string): JsonObject {
  // As the real one does for built-in kinds: no apiVersion and kind in the items.
  const bare = items.map(({ apiVersion: _apiVersion, kind: _kind, ...item }) => item);
  return JSON.parse(
    JSON.stringify({ kind: 'List', metadata: { resourceVersion, ...(next && { continue: next }) }, items: bare }),
  ) as JsonObject;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = merge(result[field], value);
  }
  return result;
}
