import type { JsonObject } from '../../core/json.ts';
import type { ApiContext } from './context.ts';
import { metadataText } from './object.ts';

const keepMs = 60 * 60 * 1000;
const sweepEveryMs = 60_000;
const resources = ['/events', 'events.k8s.io/events'];

/** Deletes events an hour after they last happened, as a cluster does by default. Resolves when `signal` aborts. */
export async function expireEvents({ store, clock, logger }: ApiContext, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(sweepEveryMs, signal);
      const oldest = clock.now() - keepMs;
      for (const resource of resources) {
        const old = store.list(resource).filter((event) => happenedAt(event) < oldest);
        await Promise.all(
          old.map((event) =>
            store.write(resource, `${metadataText(event, 'namespace')}/${metadataText(event, 'name')}`, (current) =>
              current && happenedAt(current) < oldest ? { op: 'delete' } : { op: 'none' },
            ),
          ),
        );
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error }, 'old events could not be deleted; tried again in a minute');
    }
  }
}

function happenedAt(event: JsonObject): number {
  const series =
    typeof event.series === 'object' && event.series !== null && !Array.isArray(event.series) ? event.series.lastObservedTime : null;
  const time = series ?? event.lastTimestamp ?? event.eventTime ?? metadataText(event, 'creationTimestamp');
  return typeof time === 'string' ? Date.parse(time) : 0;
}
