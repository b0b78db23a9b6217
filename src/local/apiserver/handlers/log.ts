import { pipeline } from 'node:stream/promises';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { ApiContext, Call } from '../context.ts';
import { type LogOptions, LogsUnavailableError } from '../logs.ts';
import { storageKey, storageResource } from '../registry.ts';
import { statuses } from '../status.ts';
import { parseCount } from './read.ts';
import { existing } from './update.ts';

/** GET of `pods/NAME/log`: streams what the kubelet gives, as plain text. */
export async function log(context: ApiContext, call: Call): Promise<void> {
  const pod = existing(call, context.store.get(storageResource(call.definition), storageKey(call.namespace, call.name ?? '')));
  const container = chooseContainer(pod, call.query.get('container'), call.name ?? '');
  if (!context.logs) throw statuses.badRequest('logs are not available: this server runs without a kubelet');
  const options = readOptions(call.query);
  const ref = { namespace: call.namespace ?? '', pod: call.name ?? '', container };
  let lines: AsyncIterable<Uint8Array>;
  try {
    lines = await context.logs.open(ref, options, call.signal);
  } catch (error) {
    if (error instanceof LogsUnavailableError) throw statuses.badRequest(error.message, error);
    throw error;
  }
  call.response.writeHead(200, { 'content-type': 'text/plain' });
  call.response.flushHeaders();
  try {
    await pipeline(lines, call.response, { signal: call.signal });
  } catch (error) {
    // The client left, or the log broke off after the answer began: the connection is all there is to tell it by.
    if (!call.signal.aborted) context.logger.warn({ err: error, pod: ref.pod }, 'a log stream broke off');
    call.response.destroy();
  }
}

function chooseContainer(pod: JsonObject, asked: string | null, name: string): string {
  const names = containerNames(pod);
  if (asked) {
    if (!names.includes(asked)) throw statuses.badRequest(`container ${asked} is not valid for pod ${name}`);
    return asked;
  }
  const [only, ...others] = names;
  if (only === undefined) throw statuses.badRequest(`pod ${name} has no containers`);
  if (others.length > 0) {
    throw statuses.badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`);
  }
  return only;
}

function containerNames(pod: JsonObject): string[] {
  const spec = isJsonObject(pod.spec) ? pod.spec : {};
  return [spec.containers, spec.initContainers].flatMap((list) =>
    Array.isArray(list) ? list.flatMap((each) => (isJsonObject(each) && typeof each.name === 'string' ? [each.name] : [])) : [],
  );
}

function readOptions(query: URLSearchParams): LogOptions {
  const counts = {
    tailLines: parseCount(query.get('tailLines'), 'tailLines'),
    sinceSeconds: parseCount(query.get('sinceSeconds'), 'sinceSeconds'),
    limitBytes: parseCount(query.get('limitBytes'), 'limitBytes'),
  };
  const sinceTime = query.get('sinceTime') ?? undefined;
  if (sinceTime !== undefined && Number.isNaN(Date.parse(sinceTime)))
    throw statuses.badRequest(`invalid sinceTime ${JSON.stringify(sinceTime)}`);
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    ...(counts.tailLines === undefined ? {} : { tailLines: counts.tailLines }),
    ...(counts.sinceSeconds === undefined ? {} : { sinceSeconds: counts.sinceSeconds }),
    ...(counts.limitBytes === undefined ? {} : { limitBytes: counts.limitBytes }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  };
}

function isTrue(text: string | null): boolean {
  return text === 'true' || text === '1';
}
