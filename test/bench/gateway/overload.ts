import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from '../callers.ts';
import { startProgram } from '../processes.ts';
import { quantile } from '../report.ts';

/** The model of the workers that batch. */
export const overloadedModel = 'bounded';
/** As many requests at a worker as its memory holds. */
export const bounded = { maxConcurrencyPerReplica: 32, maxQueue: 512 };

/** Longer than the longest answer takes, so that callers no longer go in step. */
const settleMs = 4_000;

/** What callers got who ask again as soon as they are answered. */
export type Level = {
  readonly callers: number;
  readonly tokensPerSecond: number;
  readonly refusalsPerSecond: number;
  readonly ttftP50Ms: number;
  readonly ttftP99Ms: number;
};

/** Starts eight workers whose engines batch and preempt as real ones do. */
export async function startBatchingWorkers(): Promise<{ readonly origins: readonly string[]; stop(): Promise<void> }> {
  const { address, stop } = await startProgram('programs/batching-workers.ts', '8');
  return { origins: address.split(' '), stop };
}

type Load = { readonly model: string; readonly apiKey: string; readonly callers: number; readonly seconds: number };

/** Lets so many callers ask a model at a gateway, and counts once they no longer go in step. */
export async function measureLevel(url: string, { model, apiKey, callers: count, seconds }: Load): Promise<Level> {
  const callers = new Callers(url, { path: '/v1/chat/completions', model, apiKey, count });
  await sleep(settleMs);
  callers.reset();
  await sleep(seconds * 1_000);
  const found = callers.found();
  await callers.stop();
  return {
    callers: count,
    tokensPerSecond: found.tokens / found.seconds,
    refusalsPerSecond: found.refusals / found.seconds,
    ttftP50Ms: quantile(found.ttftMs, 0.5),
    ttftP99Ms: quantile(found.ttftMs, 0.99),
  };
}

/** Tokens per second at the most callers, of the highest of all levels. */
export function ofPeak(found: readonly Level[]): number {
  return (found.at(-1)?.tokensPerSecond ?? 0) / Math.max(...found.map(({ tokensPerSecond }) => tokensPerSecond));
}
