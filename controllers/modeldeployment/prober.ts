import { type AgentStatus, agentStatus } from '../../src/core/agent-contract.ts';
import type { Clock } from '../../src/core/clock.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import { Lanes } from './lanes.ts';
import type { Probe } from './replica.ts';

/** Where an agent answers, and whom its answers concern. */
export type Target = {
  readonly uid: string;
  /** `namespace/name` of the deployment. */
  readonly owner: string;
  readonly host: string;
  readonly managementPort: number;
  /** Changes when the container starts anew: what the old one told is then over. */
  readonly restarts: number;
};

/** Asks an agent for its status. Throws when it does not answer in time; the answer is not trusted to have the right shape. */
export type FetchStatus = (target: Pick<Target, 'host' | 'managementPort'>, signal: AbortSignal) => Promise<unknown>;

export type ProberOptions = {
  readonly fetchStatus: FetchStatus;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
};

const loadingIntervalMs = 1_000;
const readyIntervalMs = 10_000;
const timeoutMs = 2_000;
/** 64 requests in flight, of which agents that do not answer may hold a quarter: so they never block the others. */
const answeringLanes = 48;
const silentLanes = 16;

type Entry = { target: Target; probe: Probe; failures: number; pause: AbortController; readonly stop: AbortController };

/** Asks every agent in turn, each second while it loads and each ten seconds after, and tells which deployments have news. */
export class StatusProber {
  private readonly options: ProberOptions;
  private readonly logger: Logger;
  private readonly entries = new Map<string, Entry>();
  private readonly answering = new Lanes(answeringLanes);
  private readonly silent = new Lanes(silentLanes);
  private running: { readonly signal: AbortSignal; readonly onNews: (owner: string) => void } | undefined;

  constructor(options: ProberOptions) {
    this.options = options;
    this.logger = options.logger ?? silentLogger;
  }

  /** What is known of a replica's agent. */
  latest(uid: string): Probe | undefined {
    return this.entries.get(uid)?.probe;
  }

  /** Begins to ask this agent, or follows it to its new address. */
  track(target: Target): void {
    const existing = this.entries.get(target.uid);
    if (!existing) {
      const entry: Entry = { target, probe: {}, failures: 0, pause: new AbortController(), stop: new AbortController() };
      this.entries.set(target.uid, entry);
      this.launch(entry);
      return;
    }
    const { restarts, host, managementPort } = existing.target;
    existing.target = target;
    if (restarts === target.restarts && host === target.host && managementPort === target.managementPort) return;
    if (restarts !== target.restarts) existing.probe = withoutStatus(existing.probe);
    existing.failures = 0;
    existing.pause.abort(); // the new one is asked at once
  }

  untrack(uid: string): void {
    this.entries.get(uid)?.stop.abort();
    this.entries.delete(uid);
  }

  /** Asks until `signal` aborts; `onNews` hears the owner of each agent whose answer says something new. */
  start(onNews: (owner: string) => void, signal: AbortSignal): void {
    this.running = { signal, onNews };
    for (const entry of this.entries.values()) this.launch(entry);
  }

  private launch(entry: Entry): void {
    if (!this.running) return;
    const { onNews } = this.running;
    const signal = AbortSignal.any([this.running.signal, entry.stop.signal]);
    this.follow(entry, onNews, signal).catch((error: unknown) => {
      if (!signal.aborted) this.logger.error({ err: error, replica: entry.target }, 'the prober of a replica ended');
    });
  }

  private async follow(entry: Entry, onNews: (owner: string) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lanes = entry.failures > 0 ? this.silent : this.answering;
      await lanes.run(() => this.ask(entry, onNews, signal), signal);
      await this.pause(entry, signal);
    }
  }

  private async pause(entry: Entry, signal: AbortSignal): Promise<void> {
    entry.pause = new AbortController();
    try {
      await this.options.clock.sleep(intervalOf(entry), AbortSignal.any([signal, entry.pause.signal]));
    } catch (error) {
      if (!entry.pause.signal.aborted) throw error;
    }
  }

  private async ask(entry: Entry, onNews: (owner: string) => void, signal: AbortSignal): Promise<void> {
    const { target } = entry;
    const ended = new AbortController();
    const timeout = this.options.clock.sleep(timeoutMs, ended.signal).then(
      () => ended.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
      () => {}, // answered in time
    );
    try {
      const answer = await untilAborted(
        this.options.fetchStatus(target, AbortSignal.any([signal, ended.signal])),
        AbortSignal.any([signal, ended.signal]),
      );
      const status = agentStatus.parse(answer);
      entry.failures = 0;
      // The container may have started anew while we asked: then this is the old one's answer.
      if (entry.target.restarts === target.restarts && this.learn(entry, status)) onNews(target.owner);
    } catch (error) {
      if (signal.aborted) return;
      entry.failures += 1;
      this.logger.debug({ err: error, replica: target, failures: entry.failures }, 'an agent did not answer');
    } finally {
      ended.abort();
      await timeout;
    }
  }

  private learn(entry: Entry, status: AgentStatus): boolean {
    const before = entry.probe.status;
    const progressed =
      !before || before.phase !== status.phase || before.percent !== status.percent || before.bytesDone !== status.bytesDone;
    const progressedAt = progressed ? this.options.clock.now() : entry.probe.progressedAt;
    const lastFailure = status.reason === null ? entry.probe.lastFailure : { reason: status.reason, message: status.message ?? '' };
    entry.probe = { status, ...(progressedAt !== undefined && { progressedAt }), ...(lastFailure && { lastFailure }) };
    return (
      progressed ||
      (['etaSeconds', 'bytesTotal', 'reason', 'message', 'waiting', 'draining'] as const).some((field) => before[field] !== status[field])
    );
  }
}

/** An agent that fails to answer is asked less and less often: it may be gone, or its host too busy. */
function intervalOf({ probe, failures }: Entry): number {
  const interval = probe.status?.phase === 'Ready' ? readyIntervalMs : loadingIntervalMs;
  return failures < 3 ? interval : Math.min(readyIntervalMs, interval * 2 ** (failures - 2));
}

function withoutStatus({ lastFailure }: Probe): Probe {
  return lastFailure ? { lastFailure } : {};
}

/** A fetch that ignores its signal must not hold its lane. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
