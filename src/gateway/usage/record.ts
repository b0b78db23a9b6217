import { z } from 'zod';
import type { Exchange } from '../exchange.ts';
import { estimateTokens } from '../policies/tokens.ts';
import { traceIdOf } from '../trace.ts';
import { isoTime } from './iso-time.ts';
import type { Usage } from './meter.ts';

const count = z.int().min(0);
const milliseconds = z.number().min(0);

/**
 * A line of the usage log: one request that has ended. `usage` may have cost something; `denial` was refused for who called, or for
 * how much. Names, times and numbers alone: never a key, a prompt or an answer.
 */
export const usageRecord = z.object({
  kind: z.enum(['usage', 'denial']),
  /** When it ended. */
  time: z.iso.datetime(),
  requestId: z.string(),
  /** Of the caller's `traceparent`. */
  traceId: z.string().exactOptional(),
  path: z.string(),
  tenant: z.string().exactOptional(),
  /** Name of the key, within the tenant. */
  key: z.string().exactOptional(),
  /** The deployment, `namespace/name`. */
  model: z.string().exactOptional(),
  /** The pod that answered, or was asked last. */
  replica: z.string().exactOptional(),
  stream: z.boolean().exactOptional(),
  /** 499: the caller left. */
  status: z.int(),
  /** Code of the error that it was answered with. */
  error: z.string().exactOptional(),
  /** Whether the answer was one that had been given before; left out where none may be. */
  cache: z.enum(['hit', 'miss']).exactOptional(),
  promptTokens: count,
  completionTokens: count,
  cachedTokens: count,
  /** Who counted the tokens; left out when there are none. */
  countedBy: z.enum(['worker', 'gateway']).exactOptional(),
  /** From the arrival until a replica had a slot. */
  queueMs: milliseconds.exactOptional(),
  /** From the arrival until the first byte of the replica's answer. */
  firstByteMs: milliseconds.exactOptional(),
  durationMs: milliseconds,
  retries: count.exactOptional(),
  /** Address of the caller, of a denial alone. */
  from: z.string().exactOptional(),
  /** How many requests of callers without a tenant were left out before this one. */
  leftOut: count.exactOptional(),
});

export type UsageRecord = z.infer<typeof usageRecord>;

/** Longest part of a path that is kept. */
const maxPath = 128;

/** What an exchange that has ended at `now` leaves behind. */
export function recordOf(exchange: Exchange, now: number): UsageRecord {
  const { caller, call, model, lease, outcome, errorCode, arrivedAt, leasedAt, firstByteAt, retries } = exchange;
  const usage = usageOf(exchange);
  // A model that the caller may not use is to him one that is not there.
  const hidden = outcome === 404 && model !== undefined && exchange.place === undefined;
  const denied = hidden || (isDenial(outcome) && leasedAt === undefined);
  const from = denied ? (exchange.from ?? exchange.request.socket.remoteAddress) : undefined;
  const record: UsageRecord = {
    kind: denied ? 'denial' : 'usage',
    time: isoTime(now),
    requestId: exchange.id,
    path: exchange.path.slice(0, maxPath),
    status: outcome,
    promptTokens: usage?.promptTokens ?? 0,
    completionTokens: usage?.completionTokens ?? 0,
    cachedTokens: usage?.cachedTokens ?? 0,
    durationMs: Math.max(0, now - arrivedAt),
  };
  // Assigned one by one: to spread a dozen optional parts costs a request ten times as much.
  if (usage) record.countedBy = usage.countedBy;
  if (caller) {
    record.tenant = caller.tenant;
    record.key = caller.keyName;
  }
  if (model) record.model = model.spec.key;
  if (lease) record.replica = lease.replica.name;
  if (call) record.stream = call.stream;
  if (leasedAt !== undefined) record.queueMs = leasedAt - arrivedAt;
  if (firstByteAt !== undefined) record.firstByteMs = firstByteAt - arrivedAt;
  if (exchange.trace !== undefined) record.traceId = traceIdOf(exchange.trace);
  if (errorCode !== undefined) record.error = errorCode;
  if (exchange.cache) record.cache = exchange.cache;
  if (retries > 0) record.retries = retries;
  if (from !== undefined) record.from = from;
  return record;
}

/** What a request has cost: as it was counted, else its prompt when the caller left a replica; undefined when it has cost nothing. */
export function usageOf(exchange: Exchange): Usage | undefined {
  return exchange.meter.read(exchange.body.length) ?? abandoned(exchange);
}

/** The prompt of a caller who left while a replica worked for him, before anything of an answer came: it has been read for him. */
function abandoned({ outcome, leasedAt, body }: Exchange): Usage | undefined {
  if (outcome !== 499 || leasedAt === undefined) return undefined;
  return { promptTokens: estimateTokens(body.length, 0, 0), completionTokens: 0, cachedTokens: 0, countedBy: 'gateway' };
}

/** Whether a status says that the caller may not, or not so much. */
function isDenial(status: number): boolean {
  return status === 401 || status === 403 || status === 429;
}
