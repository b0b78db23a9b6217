import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { AnswerCache } from './cache/answer-cache.ts';
import type { CrossOrigin } from './cors.ts';
import { CallerGone, type Exchange } from './exchange.ts';
import type { LimitStore } from './limits/store.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Models } from './models.ts';
import type { Keys } from './ports.ts';
import type { UsageLog } from './usage/log.ts';

/** What all stages share. */
export type Services = {
  readonly models: Models;
  readonly keys: Keys;
  readonly limits: LimitStore;
  /** Whether models and keys have been read from the cluster once: before that, "unknown" would be a lie. */
  ready(): boolean;
  /** Whether the gateway has begun to close. */
  closing(): boolean;
  readonly metrics: GatewayMetrics;
  /** Where each request leaves its record, if anywhere. */
  readonly usage: Pick<UsageLog, 'add'> | undefined;
  /** Which pages may call from a browser; none unless given. */
  readonly cors: CrossOrigin | undefined;
  /** Undefined when the gateway keeps no answers, whatever deployments say. */
  readonly responseCache: AnswerCache | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
};

/**
 * One step of an exchange. It throws an HttpError to refuse the request, and returns a promise only when it has to wait:
 * most requests go through most stages without one.
 */
export type Stage = (exchange: Exchange, services: Services) => undefined | Promise<undefined>;

/**
 * Takes an exchange through its stages, in order, and tells `fail` what ended its way early. It makes no promise of its own: most
 * stages do not wait.
 */
export function runStages(stages: readonly Stage[], exchange: Exchange, services: Services, fail: (error: unknown) => void): void {
  let next = 0;
  const goOn = () => {
    try {
      for (let stage = stages[next]; stage && !exchange.answered; stage = stages[next]) {
        if (exchange.gone) throw new CallerGone();
        next += 1;
        const pending = stage(exchange, services);
        if (pending) {
          pending.then(goOn, fail);
          return;
        }
      }
    } catch (error) {
      // Not at once: a body that lies behind the headers is taken in first.
      queueMicrotask(() => fail(error));
    }
  };
  goOn();
}
