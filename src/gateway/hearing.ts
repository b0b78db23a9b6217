import { lookMs, noSilence, provesWedge, type Silence, silenceAt, withStream } from './policies/silence.ts';

type HearingOptions = {
  readonly now: () => number;
  /** Called once in each silence, when it has lasted so long that the replica must hang. */
  readonly onWedged: () => void;
};

/** Listens whether a replica says anything to those who wait for it. A part of an answer costs an addition; the rest is done once a second. */
export class Hearing {
  /** Counts parts of answers, and whatever else shows that the replica is not silent. */
  signs = 0;
  /** Streams that wait for a part. */
  private owed = 0;
  private silence: Silence = noSilence;
  private limitMs = Number.POSITIVE_INFINITY;
  private told = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly options: HearingOptions;

  constructor(options: HearingOptions) {
    this.options = options;
  }

  /** It has been silent too long, and still is. */
  get wedged(): boolean {
    return this.told && this.silence.signs === this.signs;
  }

  /** A stream waits for its first part; a silence of `limitMs` is too long. */
  begin(limitMs: number): void {
    this.limitMs = limitMs;
    this.resume();
    this.silence = withStream(this.silence);
  }

  /** A stream whose caller had not read waits again. */
  resume(): void {
    this.look();
    this.owed += 1;
    this.timer ??= setInterval(() => this.tick(), lookMs).unref();
  }

  /** A stream waits no more: it has ended, or its caller does not read. */
  end(): void {
    this.look();
    this.owed -= 1;
  }

  private tick(): void {
    this.look();
    if (this.owed > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    const { signs, owed, limitMs } = this;
    this.silence = silenceAt(this.silence, { signs, owed }, limitMs, this.options.now());
    const wasTold = this.told;
    this.told = provesWedge(this.silence, limitMs);
    if (this.told && !wasTold) this.options.onWedged();
  }
}
