import { type Clock, systemClock } from '../../core/clock.ts';
import type { JsonPatchOperation } from '../../core/json.ts';
import { isExpired } from './api-error.ts';
import { type CredentialSource, fixedCredential } from './credentials.ts';
import { startDeadline } from './deadline.ts';
import { goJson } from './go-json.ts';
import type { ClusterAccess } from './kube-config.ts';
import { withoutManagedFields } from './managed-fields.ts';
import { NdjsonDecoder } from './ndjson.ts';
import type { ApplyOptions, CallOptions, DeleteOptions, ListCall, ListOptions, WatchOptions, WriteOptions } from './options.ts';
import { collectionPath, objectPath, type Query, requireNamespace, withQuery } from './paths.ts';
import type { Scale } from './resources.ts';
import { connectionError, type HttpRequest, type HttpResponse, type ResponseObserver, Transport } from './transport.ts';
import {
  type ApplyObject,
  apiVersionOf,
  type Draft,
  type KubeObject,
  type MergePatch,
  type ObjectRef,
  type ResourceType,
} from './types.ts';
import { parseWatchEvent, type WatchEvent } from './watch-event.ts';

export type KubeClientOptions = {
  /** Owner of the fields that this client writes; `modelfleet` unless told. */
  readonly fieldManager?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly clock?: Clock | undefined;
  /** For metrics: told about every answer. */
  readonly onResponse?: ResponseObserver | undefined;
  /** Called before every try of a request that is no GET; throws a WriteRefused when it must not be sent. For LeaderElection.assertLeading. */
  readonly beforeWrite?: (() => void) | undefined;
};

/** Where the API server is and who we are: what `fromServer` needs when there is no kubeconfig. */
export type ServerAddress = {
  readonly url: string;
  readonly token?: string | undefined;
  /** PEM; the system's authorities unless given. */
  readonly caCertificate?: string | undefined;
};

export type ObjectList<T> = { readonly items: T[]; readonly resourceVersion: string };

/** A request outside the typed verbs. `query` values that are undefined are left out. */
export type RawRequest = CallOptions & {
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
};

const defaultTimeoutMs = 30_000;
const defaultIdleMs = 120_000;
const defaultPageSize = 500;

/** A client of one API server: raw JSON in and out, one connection pool. Answers other than 2xx are thrown as ApiError, lost ones as ConnectionError. */
export class KubeClient {
  private readonly transport: Transport;
  private readonly clock: Clock;
  private readonly server: string;
  private readonly fieldManager: string;

  private constructor(server: string, proxyUrl: string | undefined, credentials: CredentialSource, options: KubeClientOptions) {
    this.server = server;
    this.clock = options.clock ?? systemClock;
    this.fieldManager = options.fieldManager ?? 'modelfleet';
    this.transport = new Transport({
      server,
      proxyUrl,
      credentials,
      userAgent: options.userAgent ?? `${this.fieldManager} (node/${process.versions.node})`,
      clock: this.clock,
      onResponse: options.onResponse,
      beforeWrite: options.beforeWrite,
    });
  }

  /** A client of what `loadKubeConfig` found. */
  static fromKubeConfig(access: ClusterAccess, options: KubeClientOptions = {}): KubeClient {
    const credentials = access.credentials(options.clock ?? systemClock);
    return new KubeClient(access.server, access.proxyUrl, credentials, options);
  }

  /** A client of a known address with a fixed token. */
  static fromServer(address: ServerAddress, options: KubeClientOptions = {}): KubeClient {
    return new KubeClient(address.url, undefined, fixedCredential(address), options);
  }

  async get<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return this.json('GET', objectPath(type, ref), options);
  }

  /**
   * Every object of a selection, page by page, as of one resourceVersion.
   * When the server forgets its snapshot between two pages, the list is taken anew in one piece.
   */
  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}, call: ListCall<T> = {}): Promise<ObjectList<T>> {
    try {
      return await this.pages(type, { ...options, limit: options.limit ?? defaultPageSize }, call);
    } catch (error) {
      if (!isExpired(error)) throw error;
      return await this.pages(type, { ...options, limit: undefined, resourceVersion: undefined }, call);
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options: WriteOptions = {}): Promise<T> {
    const { namespace } = object.metadata;
    requireNamespace(type, namespace);
    return this.json('POST', collectionPath(type, namespace), {
      ...options,
      query: this.writeQuery(options),
      body: { apiVersion: apiVersionOf(type), kind: type.kind, ...object },
    });
  }

  /** Replaces the object; a conflict when its resourceVersion is not the newest. */
  async update<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.json('PUT', objectPath(type, object.metadata, options.subresource), {
      ...options,
      query: this.writeQuery(options),
      body: object,
    });
  }

  /** JSON merge patch (RFC 7386). Give `metadata.resourceVersion` in the patch to lose against a newer version. */
  async mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: MergePatch<T>,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.json('PATCH', objectPath(type, ref, options.subresource), {
      ...options,
      query: this.writeQuery(options),
      body: patch,
      contentType: 'application/merge-patch+json',
    });
  }

  /** JSON patch (RFC 6902): all operations or none; a `test` that fails is answered 422. */
  async jsonPatch<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    options: WriteOptions = {},
  ): Promise<T> {
    return this.json('PATCH', objectPath(type, ref, options.subresource), {
      ...options,
      query: this.writeQuery(options),
      body: operations,
      contentType: 'application/json-patch+json',
    });
  }

  /** Server-side apply: the object is the whole intent of this field manager. */
  async apply<T extends KubeObject>(type: ResourceType<T>, object: ApplyObject<T>, options: ApplyOptions = {}): Promise<T> {
    return this.json('PATCH', objectPath(type, object.metadata, options.subresource), {
      ...options,
      query: { ...this.writeQuery(options), force: options.force || undefined },
      body: { ...object, apiVersion: apiVersionOf(type), kind: type.kind },
      contentType: 'application/apply-patch+yaml', // JSON is YAML
    });
  }

  /** Asks for deletion; finalizers and grace may keep the object for a while. */
  async delete(type: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy, dryRun } = options;
    await this.request('DELETE', objectPath(type, ref), {
      ...options,
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...((uid || resourceVersion) && { preconditions: { uid, resourceVersion } }),
        ...(dryRun && { dryRun: ['All'] }),
        gracePeriodSeconds,
        propagationPolicy,
      },
    });
  }

  async getScale(type: ResourceType, ref: ObjectRef, options: CallOptions = {}): Promise<Scale> {
    return this.json('GET', objectPath(type, ref, 'scale'), options);
  }

  async updateScale(type: ResourceType, ref: ObjectRef, scale: Scale, options: Omit<WriteOptions, 'subresource'> = {}): Promise<Scale> {
    return this.json('PUT', objectPath(type, ref, 'scale'), { ...options, query: this.writeQuery(options), body: scale });
  }

  /**
   * The events of a selection from a resourceVersion on, until the server ends the watch, the line breaks (ConnectionError),
   * is silent for too long (ConnectionError) or `signal` aborts (its reason is thrown). Leaving the loop closes the stream.
   */
  async *watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const { namespace, idleMs, sendInitialEvents, ...query } = options;
    const path = withQuery(collectionPath(type, namespace), {
      ...query,
      watch: true,
      ...(sendInitialEvents && { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' }),
    });
    const request: HttpRequest = { method: 'GET', path, headersMs: defaultTimeoutMs, idleMs: idleMs ?? defaultIdleMs };
    const response = await this.transport.send(request, signal);
    const decoder = new NdjsonDecoder();
    try {
      for await (const chunk of response.body) {
        for (const value of decoder.push(chunk as Buffer)) yield parseWatchEvent<T>(value);
      }
    } catch (error) {
      throw connectionError(error, request, this.server, signal);
    }
  }

  /** Any request, for what the verbs do not cover. Answers the parsed JSON, or undefined for an empty body. */
  async request(method: HttpRequest['method'], path: string, options: RawRequest = {}): Promise<unknown> {
    const text = await this.text(method, path, options);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Ends every connection at once; requests and watches in flight fail. */
  close(): Promise<void> {
    return this.transport.close();
  }

  /** Any request whose answer is text, such as one that goes on to a pod. */
  text(method: HttpRequest['method'], path: string, options: RawRequest): Promise<string> {
    return this.exchange(method, path, options, (body) => body.text());
  }

  private async exchange<R>(
    method: HttpRequest['method'],
    path: string,
    options: RawRequest,
    readBody: (body: HttpResponse['body']) => Promise<R>,
  ): Promise<R> {
    const { query, body, contentType = 'application/json', signal, timeoutMs = defaultTimeoutMs } = options;
    const deadline = startDeadline(this.clock, timeoutMs, `${method} ${path}`, signal);
    const request: HttpRequest = {
      method,
      path: query ? withQuery(path, query) : path,
      ...(body !== undefined && { body: goJson(body), headers: { 'content-type': contentType } }),
      // The deadline covers the whole call, so undici's own limits are off.
      headersMs: 0,
      idleMs: 0,
    };
    try {
      const response = await this.transport.send(request, deadline.signal);
      return await readBody(response.body);
    } catch (error) {
      throw connectionError(error, request, this.server, deadline.signal);
    } finally {
      deadline.end();
    }
  }

  private async json<R>(method: HttpRequest['method'], path: string, options: RawRequest): Promise<R> {
    return (await this.request(method, path, options)) as R;
  }

  private async pages<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions,
    { keep, dropManagedFields, ...call }: ListCall<T>,
  ): Promise<ObjectList<T>> {
    const { namespace, resourceVersion, ...query } = options;
    const identity = { apiVersion: apiVersionOf(type), kind: type.kind };
    const items: T[] = [];
    const read = (from: Query) => {
      const head = Promise.withResolvers<string>();
      const rest = { ...call, query: { ...query, ...from } };
      const whole = this.exchange('GET', collectionPath(type, namespace), rest, (body) => bytesOf(body, head.resolve));
      const ended = () => head.resolve('');
      whole.then(ended, ended); // whoever awaits `whole` hears of it; nobody does when the page before cannot be read
      return { head: head.promise, whole };
    };
    for (let answer = read({ resourceVersion }); ; ) {
      // The token names the snapshot; a resourceVersion beside it is refused. A server that writes a page can make the next one
      // meanwhile: it is asked for as soon as the token is here, and this page is read while it comes.
      const early = continueTokenAhead(await answer.head);
      const next = early === undefined ? undefined : read({ continue: early });
      const bytes = await answer.whole;
      const page = JSON.parse(dropManagedFields ? withoutManagedFields(bytes) : bytes.toString()) as ListPage<T>;
      // Built-in lists leave apiVersion and kind out of their items; a watch has them. One cache, one shape.
      for (const item of page.items ?? []) items.push(keep ? keep({ ...identity, ...item }) : { ...identity, ...item });
      const token = page.metadata?.continue || undefined;
      if (token === undefined) return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
      answer = next ?? read({ continue: token });
    }
  }

  private writeQuery(options: WriteOptions): Query {
    return {
      fieldManager: options.fieldManager ?? this.fieldManager,
      dryRun: options.dryRun ? 'All' : undefined,
      fieldValidation: options.fieldValidation,
    };
  }
}

/** Enough for the metadata of a list. */
const startBytes = 4_096;

/** The whole body; `onStart` is told its first part as soon as that is here. */
async function bytesOf(body: AsyncIterable<Uint8Array>, onStart: (start: string) => void): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    if (chunks.length === 0) onStart(Buffer.from(chunk.subarray(0, startBytes)).toString('latin1'));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The token of the next page, where the text of a list has it before its items, as Kubernetes' own servers write it. */
function continueTokenAhead(text: string): string | undefined {
  const head = text.slice(0, Math.max(0, text.indexOf('"items"')));
  return /"metadata":\{[^{}]*"continue":"([^"\\]+)"/.exec(head)?.[1];
}

type ListPage<T> = {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
};
