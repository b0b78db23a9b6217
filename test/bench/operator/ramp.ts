import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, round } from '../report.ts';
import type { Arrivals } from './arrivals.ts';
import type { Options } from './options.ts';

/** From the moment that an apply was sent until all pods of its deployment were there. */
export type RampResult = { readonly applyToPodsP50Seconds: number; readonly applyToPodsP99Seconds: number; readonly rampSeconds: number };

// Longer than this after the last apply is not slow, it is broken.
const lateMs = 120_000;

/** Applies deployments at a steady rate, whatever becomes of those before, and waits for their pods. */
export async function ramp(
  { deployments, replicas, rate }: Options,
  arrivals: Arrivals,
  apply: (name: string) => Promise<unknown>,
): Promise<RampResult> {
  const began = performance.now();
  const sentAt = new Map<string, number>();
  const answers: Promise<unknown>[] = [];
  for (let index = 0; index < deployments; index++) {
    const dueMs = began + (index * 1_000) / rate - performance.now();
    if (dueMs > 0) await sleep(dueMs);
    const name = `d${String(index).padStart(4, '0')}`;
    sentAt.set(name, performance.now());
    answers.push(apply(name));
  }
  await Promise.all(answers);
  await arrivals.until('the creation of all pods', () => arrivals.total >= deployments * replicas, lateMs);
  const rampSeconds = round((performance.now() - began) / 1_000, 1);
  const seconds = [...sentAt].map(([name, sent]) => ((arrivals.at(name, replicas) ?? Number.NaN) - sent) / 1_000);
  return {
    applyToPodsP50Seconds: round(quantile(seconds, 0.5), 3),
    applyToPodsP99Seconds: round(quantile(seconds, 0.99), 3),
    rampSeconds,
  };
}
