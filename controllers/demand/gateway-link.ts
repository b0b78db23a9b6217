import type { Clock, Random } from '../../src/core/clock.ts';
import { describeError } from '../../src/core/failure.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { TokenFile } from '../../src/core/token-file.ts';
import { afterLine, newsOf, type Part, standingOf } from './demand.ts';
import { pauseMs } from './link-pace.ts';
import type { readStats, StatsAddress } from './stats-client.ts';

/** A gateway beats each second. */
const silenceMs = 3_000;
/** Who has stayed for so long is tried again at once after the end. */
const steadyMs = 5_000;

export type LinkOptions = {
  readonly tokens: Pick<TokenFile, 'read'>;
  readonly readStats: typeof readStats;
  /** Hears which models have more or fewer requests that wait. */
  readonly onNews: (models: readonly string[]) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

/** The stream from one gateway, opened again whenever it ends. */
export class GatewayLink {
  /** `namespace/name` of its pod. */
  readonly name: string;
  readonly address: StatsAddress;
  /** Whether the gateway's pod is ready. */
  ready: boolean;
  private readonly options: LinkOptions;
  private readonly since: number;
  private heardAt: number | undefined;
  private broken = false;
  private models: Part['models'] = new Map();
  private counted = false;
  private told: string | undefined;

  constructor(name: string, address: StatsAddress, ready: boolean, options: LinkOptions) {
    this.name = name;
    this.address = address;
    this.ready = ready;
    this.options = options;
    this.since = options.clock.now();
  }

  get part(): Part {
    const { ready, since, heardAt, broken, models } = this;
    return { ready, since, heardAt, broken, models };
  }

  /** Reads until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.options;
    let failures = 0;
    while (!signal.aborted) {
      const openedAt = clock.now();
      try {
        await this.read(failures, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures = this.heardAt !== undefined && this.heardAt - openedAt >= steadyMs ? 1 : failures + 1;
        this.broken = true;
        this.look();
        this.tell(error);
        await clock.sleep(pauseMs(failures, random), signal).catch(() => {}); // aborted: the loop sees it
      }
    }
  }

  /** What it has counted for is over, or may be: tells its models when they stopped counting since the last look. */
  look(): void {
    const counts = standingOf(this.part, this.options.clock.now()) === 'counts';
    if (this.counted && !counts) this.options.onNews(newsOf(this.models, new Map()));
    this.counted = counts;
  }

  /** The gateway is gone, and what it told with it. */
  forget(): void {
    const { models } = this;
    this.models = new Map();
    this.options.onNews(newsOf(models, this.models));
  }

  private async read(failures: number, signal: AbortSignal): Promise<void> {
    const { tokens, readStats, onNews, clock, logger } = this.options;
    const known = await tokens.read();
    // While the tokens are being changed a gateway may know another of them first.
    const token = known[failures % known.length] ?? '';
    await readStats({
      address: this.address,
      token,
      silenceMs,
      signal,
      onStats: (stats) => {
        // What had stopped counting is all news when it counts again.
        const before: Part['models'] = standingOf(this.part, clock.now()) === 'counts' ? this.models : new Map();
        this.heardAt = clock.now();
        this.broken = false;
        this.models = afterLine(this.models, stats, this.heardAt);
        this.counted = true;
        if (stats.full) logger.info({ gateway: this.name, name: stats.gateway }, 'the gateway is heard');
        this.told = undefined;
        onNews(newsOf(before, this.models));
      },
    });
  }

  /** A gateway that is not ready is about to start or to go: nobody needs to hear that it does not answer. */
  private tell(error: unknown): void {
    const why = describeError(error);
    const level = this.ready && why !== this.told ? 'warn' : 'debug';
    if (this.ready) this.told = why;
    this.options.logger[level]({ gateway: this.name, ...this.address, why }, 'the gateway is not heard');
  }
}
