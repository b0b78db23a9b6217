import type { Clock } from '../../core/clock.ts';
import { ConnectionError } from './api-error.ts';

/** A signal that aborts with the caller's, or with a ConnectionError after `ms`. `end` must be called: it frees the timer and the listener. */
export type Deadline = { readonly signal: AbortSignal; end(): void };

/** One for all: an error with a stack for each call that is answered in time would cost more than the timer. */
const inTime = new DOMException('the deadline is over in time', 'AbortError');

export function startDeadline(clock: Clock, ms: number, what: string, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const over = new AbortController();
  const onAbort = () => controller.abort(caller?.reason);
  if (caller?.aborted) onAbort();
  caller?.addEventListener('abort', onAbort, { once: true });
  clock.sleep(ms, over.signal).then(
    () => {
      const cause = new DOMException('the deadline passed', 'TimeoutError');
      controller.abort(new ConnectionError(`${what}: no answer within ${ms / 1000} s`, { cause }));
    },
    () => {}, // `end` was called in time
  );
  return {
    signal: controller.signal,
    end: () => {
      caller?.removeEventListener('abort', onAbort);
      over.abort(inTime);
    },
  };
}
