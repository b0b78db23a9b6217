import type { Container, Probe } from 'kubernetes-types/core/v1.d.ts';
import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { judge, type Verdict, watchHealth } from './health.ts';

const every: Probe = { periodSeconds: 1, failureThreshold: 2 };

/** Watches a container whose probes answer as `answers` says, by name of the probe; the journal tells what was concluded, and when. */
function watch(container: Partial<Container>, answers: Record<string, (second: number) => boolean>) {
  const clock = new FakeClock();
  const startedAt = clock.now();
  const journal: string[] = [];
  const over = new AbortController();
  const second = () => (clock.now() - startedAt) / 1000;
  const nameOf = (probe: Probe) => (Object.keys(container) as (keyof Container)[]).find((key) => container[key] === probe) ?? '';
  const note = (text: string) => journal.push(`${second()}s ${text}`);
  const done = watchHealth(
    {
      container: { name: 'c', ...container },
      startedAt,
      clock,
      check: async (probe) => ({ ok: answers[nameOf(probe)]?.(second()) ?? true, message: 'no' }),
      onStarted: () => note('started'),
      onReady: (ready) => note(ready ? 'ready' : 'unready'),
      onUnhealthy: () => undefined,
      onDead: (kind) => note(`dead: ${kind}`),
    },
    over.signal,
  ).catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  const settle = () => new Promise(setImmediate);
  return {
    journal,
    clock,
    end: () => {
      over.abort();
      return done;
    },
    advance: async (ms: number) => {
      await settle();
      await clock.advance(ms);
      await settle();
    },
  };
}

test('is started and ready at once without probes', async () => {
  const { journal } = watch({}, {});
  expect(journal).toEqual(['0s started', '0s ready']);
});

test('begins with readiness when the startup probe has passed', async () => {
  const { journal, advance, end } = watch(
    { startupProbe: { periodSeconds: 1, failureThreshold: 10 }, readinessProbe: every },
    { startupProbe: (s) => s >= 3 },
  );
  await advance(5_000);
  await end();
  expect(journal).toEqual(['3s started', '3s ready']);
});

test('gives up when the startup probe has failed often enough', async () => {
  const { journal, advance } = watch({ startupProbe: every, livenessProbe: every }, { startupProbe: () => false });
  await advance(5_000);
  expect(journal).toEqual(['1s dead: startup']);
});

test('follows readiness in both directions and waits for the initial delay', async () => {
  const readinessProbe: Probe = { ...every, initialDelaySeconds: 2 };
  const { journal, advance, end } = watch({ readinessProbe }, { readinessProbe: (s) => s < 4 || s >= 8 });
  await advance(9_000);
  await end();
  expect(journal).toEqual(['0s started', '2s ready', '5s unready', '8s ready']);
});

test('tells once that the container is dead', async () => {
  const { journal, advance, end } = watch({ livenessProbe: every }, { livenessProbe: (s) => s < 3 });
  await advance(9_000);
  await end();
  expect(journal).toEqual(['0s started', '0s ready', '4s dead: liveness']);
});

test('needs successThreshold and failureThreshold in a row', () => {
  const probe: Probe = { successThreshold: 2, failureThreshold: 3 };
  const outcomes = [true, false, true, true, false, false, true, false, false, false];
  let verdict: Verdict = { healthy: false, streak: 0, decided: false };
  const healthy = outcomes.map((ok) => {
    verdict = judge(verdict, ok, probe);
    return verdict.healthy;
  });
  expect(healthy).toEqual([false, false, false, true, true, true, true, true, true, false]);
});
