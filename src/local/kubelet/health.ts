import type { Container, Probe } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../core/clock.ts';
import type { ProbeOutcome } from './probe.ts';

type ProbeKind = 'startup' | 'liveness' | 'readiness';

/** What has been concluded from a probe so far, and how often its last outcome was seen in a row. */
export type Verdict = { readonly healthy: boolean; readonly lastOk?: boolean; readonly streak: number; readonly decided: boolean };

/** A verdict changes when an outcome was seen as often in a row as its threshold says (kubelet, prober worker). Pure. */
export function judge(before: Verdict, ok: boolean, { successThreshold = 1, failureThreshold = 3 }: Probe): Verdict {
  const streak = before.lastOk === ok ? before.streak + 1 : 1;
  const decided = streak >= (ok ? successThreshold : failureThreshold);
  return { healthy: decided ? ok : before.healthy, lastOk: ok, streak, decided };
}

export type HealthOptions = {
  readonly container: Container;
  /** When the container started (epoch ms): initial delays count from here. */
  readonly startedAt: number;
  readonly check: (probe: Probe, signal: AbortSignal) => Promise<ProbeOutcome>;
  readonly clock: Clock;
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  /** Each failed check. */
  readonly onUnhealthy: (kind: ProbeKind, message: string) => void;
  /** The startup or liveness probe has failed for good: the container must be restarted. */
  readonly onDead: (kind: 'startup' | 'liveness', probe: Probe) => void;
};

/** Probes one run of a container until `signal` aborts: startup first, then liveness and readiness side by side. */
export async function watchHealth(options: HealthOptions, signal: AbortSignal): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = options.container;
  if (startupProbe) {
    for await (const healthy of verdicts('startup', startupProbe, false, options, signal)) {
      if (healthy) break;
      return options.onDead('startup', startupProbe);
    }
  }
  options.onStarted();
  await Promise.all([watchReadiness(readinessProbe, options, signal), watchLiveness(livenessProbe, options, signal)]);
}

async function watchReadiness(probe: Probe | undefined, options: HealthOptions, signal: AbortSignal): Promise<void> {
  if (!probe) return options.onReady(true);
  let ready = false;
  for await (const healthy of verdicts('readiness', probe, false, options, signal)) {
    if (healthy !== ready) options.onReady(healthy);
    ready = healthy;
  }
}

async function watchLiveness(probe: Probe | undefined, options: HealthOptions, signal: AbortSignal): Promise<void> {
  if (!probe) return;
  for await (const healthy of verdicts('liveness', probe, true, options, signal)) {
    if (!healthy) return options.onDead('liveness', probe);
  }
}

/** The verdict after each check that decides one. */
async function* verdicts(
  kind: ProbeKind,
  probe: Probe,
  initially: boolean,
  { startedAt, check, clock, onUnhealthy }: HealthOptions,
  signal: AbortSignal,
): AsyncGenerator<boolean> {
  let verdict: Verdict = { healthy: initially, streak: 0, decided: false };
  await clock.sleep(Math.max(0, startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now()), signal);
  for (;;) {
    const { ok, message } = await check(probe, signal);
    if (!ok) onUnhealthy(kind, message);
    verdict = judge(verdict, ok, probe);
    if (verdict.decided) yield verdict.healthy;
    await clock.sleep((probe.periodSeconds ?? 10) * 1000, signal);
  }
}
