import type { JsonObject } from '../../../core/json.ts';
import type { ApiContext, Call } from '../context.ts';
import { parseCount, readRevision, selectorOf } from '../handlers/read.ts';
import { withMetadata } from '../object.ts';
import { presentEvent } from '../present.ts';
import { apiVersionOf, storageResource } from '../registry.ts';
import type { Selector } from '../selectors.ts';
import { StatusError, statuses } from '../status.ts';
import type { StoreEvent } from '../storage/history.ts';
import { EventStream } from './event-stream.ts';

const bookmarkEveryMs = 30_000;
const minimumTimeoutSeconds = 1800;

/** Where a watch begins: events after `revision`, preceded by an ADDED for each of `initial`. */
type Start = { readonly revision: number; readonly initial: readonly JsonObject[]; readonly endsInitial: boolean };

/**
 * Serves a watch until the client goes, the time is up, or the watcher is too slow. The watcher reads the store's history at its own pace:
 * nothing is queued for it, and when the history has moved past it, it is cut and resumes with a new list.
 */
export async function watch(context: ApiContext, call: Call): Promise<void> {
  const selects = selectorOf(call);
  const start = startOf(context, call, selects);
  await using stream = new EventStream(call.response, call.signal, context.clock);
  const target = { verb: 'watch' as const, resource: call.definition.plural, ...(call.namespace ? { namespace: call.namespace } : {}) };
  const unregister = context.faults.register({
    target,
    cut: () => stream.cut(),
    expire: () => stream.finish(errorLine(statuses.expired('too old resource version (injected)'))),
  });
  stream.onEnd(unregister);
  if (start instanceof StatusError) {
    stream.finish(errorLine(start));
    return;
  }

  const resource = storageResource(call.definition);
  const wantsBookmarks = call.query.get('allowWatchBookmarks') === 'true';
  const timeoutSeconds = parseCount(call.query.get('timeoutSeconds'), 'timeoutSeconds') || minimumTimeoutSeconds * (1 + context.random());
  stream.onEnd(context.store.subscribe(resource, () => stream.wake()));
  const timeIsUp = stream.timer(timeoutSeconds * 1000, false);
  const bookmarkDue = stream.timer(bookmarkEveryMs, true);
  let first = true;
  const encode = (type: string, object: JsonObject): string => {
    const text = `{"type":"${type}","object":${presentEvent(context, call, object, first)}}\n`;
    first = false;
    return text;
  };
  const bookmark = async (annotations?: JsonObject) => {
    if (context.faults.dropsBookmarks(target)) return;
    await stream.write([`{"type":"BOOKMARK","object":${JSON.stringify(bookmarkObject(call, cursor, annotations))}}\n`]);
  };

  let cursor = start.revision;
  await stream.write(start.initial.values().map((object) => encode('ADDED', object)));
  if (start.endsInitial && wantsBookmarks) await bookmark({ 'k8s.io/initial-events-end': 'true' });
  while (!stream.ended) {
    const events = context.store.eventsSince(resource, cursor);
    if (!events) {
      context.logger.warn({ resource }, 'a watcher was too slow and is cut');
      stream.cut();
      return;
    }
    // Read before writing: what commits meanwhile is picked up in the next round.
    cursor = context.store.revision;
    await stream.write(visible(events, selects, encode));
    if (timeIsUp()) {
      if (wantsBookmarks) await bookmark();
      stream.finish();
      return;
    }
    if (bookmarkDue() && wantsBookmarks) await bookmark();
    if (context.store.revision === cursor) await stream.woken();
  }
}

function startOf(context: ApiContext, call: Call, selects: Selector): Start | StatusError {
  const { store } = context;
  const resource = storageResource(call.definition);
  const match = call.query.get('resourceVersionMatch');
  const sendInitial = call.query.get('sendInitialEvents');
  if (sendInitial === null && match !== null) {
    throw statuses.badRequest('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  }
  if (sendInitial !== null && match !== 'NotOlderThan') {
    throw statuses.badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  const asked = readRevision(call.query, store.revision);
  if (sendInitial === 'true' || (sendInitial === null && !asked)) {
    return { revision: store.revision, initial: store.list(resource).filter(selects), endsInitial: sendInitial === 'true' };
  }
  const revision = asked || store.revision;
  if (!store.eventsSince(resource, revision)) {
    return statuses.expired(`too old resource version: ${revision} (${store.floor(resource)})`);
  }
  return { revision, initial: [], endsInitial: false };
}

/** The events that this selection sees: leaving it is a deletion, entering it an addition. */
function* visible(
  events: readonly StoreEvent[],
  selects: Selector,
  encode: (type: string, object: JsonObject) => string,
): Generator<string> {
  for (const { type, object, previous, rv } of events) {
    const was = previous !== undefined && selects(previous);
    const is = type !== 'DELETED' && selects(object);
    if (is) yield encode(was ? 'MODIFIED' : 'ADDED', object);
    else if (was) yield encode('DELETED', type === 'DELETED' ? object : withMetadata(previous, { resourceVersion: String(rv) }));
  }
}

function bookmarkObject(call: Call, revision: number, annotations: JsonObject | undefined): JsonObject {
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...(annotations ? { annotations } : {}) };
  switch (call.view.as) {
    case 'object':
      return { kind: call.definition.kind, apiVersion: apiVersionOf(call.definition), metadata };
    case 'metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
    case 'table':
      return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: [], rows: [] };
  }
}

function errorLine(error: StatusError): string {
  return `{"type":"ERROR","object":${JSON.stringify(error.toStatus())}}\n`;
}
