import type { Row } from './row.ts';
import { isWedged } from './signals.ts';

const what =
  'Several streams of callers wait at this replica, and not a byte has come to a gateway for health.wedgeTimeout, though agent and kubelet find it well.';

/** What only those find out who wait for answers. */
export const gatewayRows: readonly Row[] = [
  {
    reason: 'EngineWedged',
    from: 'gateway',
    signal: 'wedged in /stats of a gateway',
    when: (signals) => (isWedged(signals) ? what : undefined),
  },
];
