import type { Stage } from '../pipeline.ts';
import { recordOf } from '../usage/record.ts';

/** Counts the exchange when it ends, leaves its record in the usage log, and logs it at debug level: never a key, a prompt or an answer. */
export const account: Stage = (exchange, { metrics, usage, logger }) => {
  exchange.onEnd((now) => {
    metrics.record(exchange, now);
    usage?.add(recordOf(exchange, now));
    if (!logger.isLevelEnabled('debug')) return;
    const { id, path, caller, call, model, lease, outcome, retries, arrivedAt, leasedAt, firstByteAt } = exchange;
    logger.debug(
      {
        requestId: id,
        method: exchange.request.method,
        path,
        tenant: caller?.tenant,
        key: caller?.keyName,
        model: model?.spec.key,
        stream: call?.stream,
        replica: lease?.replica.name,
        status: outcome,
        retries,
        queueMs: leasedAt && leasedAt - arrivedAt,
        firstByteMs: firstByteAt && firstByteAt - arrivedAt,
        durationMs: now - arrivedAt,
      },
      'request',
    );
  });
};
