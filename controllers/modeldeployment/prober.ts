import type { AgentStatus } from '../../src/core/agent-contract.ts';
import type { Clock } from '../../src/core/clock.ts';
import { describeError } from '../../src/core/failure.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import type { WorkerReports } from '../demand/worker-reports.ts';
import { readAnswer } from './agent-answer.ts';
import { Lanes } from './lanes.ts';
import type { Mishap, Probe } from './probe.ts';
import { dueAfter, firstPauseMs, idleAgentsPerRound, isDueInRound, loadingPauseMs, nextRound } from './probe-pace.ts';
import { markProgress, type ProgressMark } from './progress-mark.ts';

/** Where an agent answers, and whom its answers concern. */
export type Target = {
  readonly uid: string;
  /** `namespace/name` of the deployment. */
  readonly owner: string;
  readonly host: string;
  readonly managementPort: number;
  /** Changes when the container starts anew: what the old one told is then over. */
  readonly restarts: number;
  /** Whether its pod is ready: one that is no longer has something to tell. */
  readonly ready: boolean;
  /** When the replica was marked to drain, milliseconds since the epoch; absent while it is not. */
  readonly drainingSince?: number | undefined;
};

type Address = Pick<Target, 'host' | 'managementPort'>;

/** Asks an agent for its status. Throws when it does not answer in time; the answer is not trusted to have the right shape. */
export type FetchStatus = (target: Address, signal: AbortSignal) => Promise<unknown>;

/** Tells an agent to refuse new requests and to finish the old ones. Throws when it does not say that it has heard. */
export type RequestDrain = (target: Address, signal: AbortSignal) => Promise<void>;

export type ProberOptions = {
  readonly fetchStatus: FetchStatus;
  /** Nobody tells the agents when it is left out: then they drain when they are ended. */
  readonly requestDrain?: RequestDrain | undefined;
  /** Hears every answer. */
  readonly reports?: Pick<WorkerReports, 'told' | 'forget'> | undefined;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
};

/** The longest pause of an agent that loads and fails to answer. */
const silentPauseMs = 10_000;
const timeoutMs = 2_000;
/** Gateways hear of a mark through their watch: what they sent before that is still taken. */
const drainDelayMs = 1_000;
/** 64 requests in flight, of which agents that do not answer may hold a quarter: so they never block the others. */
const answeringLanes = 48;
const silentLanes = 16;

/** One for all: an error with a stack for each answer would cost more than the question. */
const answered = new DOMException('the agent answered in time', 'AbortError');
const untracked = new DOMException('the replica is gone', 'AbortError');
const woken = new DOMException('there is somebody to ask', 'AbortError');

type Entry = {
  target: Target;
  probe: Probe;
  mark: ProgressMark | undefined;
  failures: number;
  /** When it is asked next, unless it is idle. */
  dueAt: number;
  askedAt: number;
  /** Ends the question that is under way, or waits for a lane. */
  asking: AbortController | undefined;
  /** It changed while it was asked: ask again at once. */
  again: boolean;
};

/**
 * Asks every agent in turn, each second while it loads or drains and each ten seconds else (more rarely in a fleet of hundreds), and
 * tells which deployments have news.
 * Agents of replicas that are marked to drain are told so.
 */
export class StatusProber {
  private readonly options: ProberOptions;
  private readonly logger: Logger;
  private readonly entries = new Map<string, Entry>();
  /** Those that load, drain, or have never answered. */
  private readonly busy = new Set<Entry>();
  /** Those that are ready and do not drain: whoever was asked the longest time ago comes first. */
  private readonly idle = new Set<Entry>();
  private roundAt = 0;
  private readonly answering = new Lanes(answeringLanes);
  private readonly silent = new Lanes(silentLanes);
  private running: { readonly signal: AbortSignal; readonly onNews: (owner: string) => void } | undefined;
  private alarm = new AbortController();
  private sleepsUntil = Number.NEGATIVE_INFINITY;

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
    const now = this.options.clock.now();
    if (!existing) {
      const probe = { askedSince: now };
      const entry: Entry = { target, probe, mark: undefined, failures: 0, dueAt: now, askedAt: now, asking: undefined, again: false };
      this.entries.set(target.uid, entry);
      this.busy.add(entry);
      this.askAfter(entry, firstPauseMs(this.busy.size));
      return;
    }
    const before = existing.target;
    existing.target = target;
    if ((['restarts', 'host', 'managementPort', 'ready', 'drainingSince'] as const).every((field) => before[field] === target[field]))
      return;
    if (before.restarts !== target.restarts) this.beginAnew(existing);
    existing.failures = 0;
    existing.again = existing.asking !== undefined;
    this.idle.delete(existing);
    this.busy.add(existing);
    this.askAfter(existing, 0); // the new one is asked at once
  }

  /** Of the container before only its last words count. */
  private beginAnew(entry: Entry): void {
    const { lastFailure } = entry.probe;
    this.options.reports?.forget(entry.target.owner, entry.target.uid);
    entry.probe = { askedSince: this.options.clock.now(), ...(lastFailure && { lastFailure }) };
    entry.mark = undefined;
  }

  untrack(uid: string): void {
    const entry = this.entries.get(uid);
    if (!entry) return;
    entry.asking?.abort(untracked);
    this.options.reports?.forget(entry.target.owner, uid);
    this.entries.delete(uid);
    this.busy.delete(entry);
    this.idle.delete(entry);
    if (entry.dueAt <= this.sleepsUntil) this.alarm.abort(woken); // nobody sleeps for one that is gone
  }

  /** Asks until `signal` aborts; `onNews` hears the owner of each agent whose answer says something new. */
  start(onNews: (owner: string) => void, signal: AbortSignal): void {
    this.running = { signal, onNews };
    const onAbort = () => {
      this.alarm.abort(woken);
      for (const { asking } of this.entries.values()) asking?.abort(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.work(signal).catch((error: unknown) => this.logger.error({ err: error }, 'the prober ended'));
  }

  private async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.askDue(this.options.clock.now());
      await this.sleep();
    }
  }

  private askDue(now: number): void {
    for (const entry of this.busy) if (entry.dueAt <= now && !entry.asking) this.launch(entry);
    if (now < this.roundAt) return;
    this.roundAt = nextRound(now);
    let asked = 0;
    for (const entry of this.idle) {
      if (asked === idleAgentsPerRound || !isDueInRound(entry.askedAt, now)) return;
      if (entry.asking) continue;
      this.launch(entry);
      asked += 1;
    }
  }

  /** Sleeps until somebody is due, or `askAfter` says that somebody is sooner. */
  private async sleep(): Promise<void> {
    const { clock } = this.options;
    let due = this.idle.size > 0 ? this.roundAt : Number.POSITIVE_INFINITY;
    for (const { dueAt, asking } of this.busy) if (!asking && dueAt < due) due = dueAt;
    this.sleepsUntil = due;
    this.alarm = new AbortController();
    const { signal } = this.alarm;
    if (this.running?.signal.aborted) return;
    if (due === Number.POSITIVE_INFINITY) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    else await clock.sleep(Math.max(0, due - clock.now()), signal).catch(() => {}); // woken
  }

  private askAfter(entry: Entry, ms: number): void {
    entry.dueAt = dueAfter(ms, this.options.clock.now());
    if (entry.dueAt < this.sleepsUntil) this.alarm.abort(woken);
  }

  private launch(entry: Entry): void {
    const asking = new AbortController();
    entry.asking = asking;
    const lanes = entry.failures > 0 ? this.silent : this.answering;
    lanes
      .run(() => this.ask(entry, asking), asking.signal)
      .catch(() => {}) // it ends, or the replica is gone, before a lane was free
      .finally(() => this.plan(entry));
  }

  /** An agent that fails to answer is asked less and less often: it may be gone, or its host too busy. */
  private plan(entry: Entry): void {
    entry.asking = undefined;
    const { target, probe, failures, again } = entry;
    entry.again = false;
    if (this.entries.get(target.uid) !== entry || this.running?.signal.aborted) return;
    const idles = probe.status?.phase === 'Ready' && target.ready && target.drainingSince === undefined && failures === 0 && !again;
    this.idle.delete(entry);
    if (idles) {
      this.busy.delete(entry);
      this.idle.add(entry);
      if (this.roundAt < this.sleepsUntil) this.alarm.abort(woken);
      return;
    }
    this.busy.add(entry);
    const interval = loadingPauseMs(this.busy.size);
    const slower = failures < 3 ? interval : Math.max(interval, Math.min(silentPauseMs, interval * 2 ** (failures - 2)));
    this.askAfter(entry, again ? 0 : slower);
  }

  private async ask(entry: Entry, asking: AbortController): Promise<void> {
    const { target } = entry;
    const { fetchStatus, clock } = this.options;
    const { signal } = asking;
    entry.askedAt = clock.now();
    clock.sleep(timeoutMs, signal).then(
      () => asking.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
      () => {}, // answered in time
    );
    try {
      await this.tellToDrain(entry, signal);
      const answer = await untilAborted(fetchStatus(target, signal), signal);
      const status = readAnswer(answer, clock.now());
      entry.failures = 0;
      // The container may have started anew while we asked: then this is the old one's answer.
      if (entry.target.restarts === target.restarts && this.learn(entry, status)) this.running?.onNews(target.owner);
    } catch (error) {
      if (signal.reason === untracked || this.running?.signal.aborted) return;
      entry.failures += 1;
      if (entry.target.restarts === target.restarts) entry.probe = { ...entry.probe, problem: describeError(error) };
      this.logger.debug({ err: error, replica: target, failures: entry.failures }, 'an agent did not answer');
    } finally {
      asking.abort(answered);
    }
  }

  /** Until its status says that it drains: an agent may have started anew, or not have heard. */
  private async tellToDrain({ target, probe }: Entry, signal: AbortSignal): Promise<void> {
    const { requestDrain, clock } = this.options;
    const { drainingSince } = target;
    if (!requestDrain || drainingSince === undefined || probe.status?.draining === true) return;
    if (clock.now() < drainingSince + drainDelayMs) return;
    try {
      await untilAborted(requestDrain(target, signal), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.logger.warn({ err: error, replica: target }, 'an agent was not told to drain');
    }
  }

  /** Whether the answer says something new. */
  private learn(entry: Entry, status: AgentStatus): boolean {
    const { clock, reports } = this.options;
    const now = clock.now();
    const { owner, uid } = entry.target;
    if (this.entries.get(uid) === entry) reports?.told(owner, uid, status);
    const { probe } = entry;
    const before = probe.status;
    const { mark, progressed } = markProgress(entry.mark, status);
    entry.mark = mark;
    entry.probe = {
      status,
      answeredAt: now,
      askedSince: probe.askedSince ?? now,
      progressedAt: progressed ? now : (probe.progressedAt ?? now),
      phaseSince: before?.phase === status.phase ? (probe.phaseSince ?? now) : now,
      ...(mark && mark.wentBack > 0 && { wentBack: mark.wentBack }),
      ...lastFailure(status, probe),
      ...mishap(status, probe, now),
    };
    const watched = entry.target.drainingSince === undefined ? newsFields : drainNewsFields;
    return !before || watched.some((field) => before[field] !== status[field]) || before.lastFailure?.at !== status.lastFailure?.at;
  }
}

const newsFields = ['phase', 'percent', 'bytesDone', 'bytesTotal', 'etaSeconds', 'reason', 'message', 'waiting', 'draining'] as const;
/** A replica that drains goes as soon as it has nothing left. */
const drainNewsFields = [...newsFields, 'inFlight'] as const;

function lastFailure({ reason, message }: AgentStatus, before: Probe): Pick<Probe, 'lastFailure'> {
  if (reason !== null) return { lastFailure: { reason, message: message ?? '' } };
  return before.lastFailure ? { lastFailure: before.lastFailure } : {};
}

/** An engine may crash and be back between two questions. What was before the first answer somebody else may have told already. */
function mishap({ lastFailure: failure }: AgentStatus, { status, mishap: known }: Probe, now: number): { readonly mishap?: Mishap } {
  if (status && failure && failure.at !== status.lastFailure?.at)
    return { mishap: { reason: failure.reason, message: failure.message, at: now } };
  return known ? { mishap: known } : {};
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
