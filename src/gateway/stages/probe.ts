import { sendJson } from '../answers.ts';
import type { Stage } from '../pipeline.ts';

/** `GET /healthz`: the process answers. */
export const live: Stage = (exchange) => {
  sendJson(exchange, 200, { status: 'ok' });
};

/** `GET /readyz`: 200 once the cluster has been read and until the gateway begins to close. */
export const ready: Stage = (exchange, services) => {
  const ok = services.ready() && !services.closing();
  sendJson(exchange, ok ? 200 : 503, { status: ok ? 'ok' : services.closing() ? 'closing' : 'starting' });
};
