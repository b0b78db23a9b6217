import type { RequestHandler } from 'express';
import { Histogram, type Registry } from 'prom-client';
import { servedGroups } from './groups.ts';

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5];

/** Paths of these are not what autoscalers ask; each would be a label. */
const anythingElse = 'none';

/** How long answers of the metrics API take, as Prometheus metrics of the process. */
export class RequestMetrics {
  private readonly duration: Histogram<'group' | 'code'>;

  constructor(registry: Registry) {
    this.duration = new Histogram({
      name: 'modelfleet_metrics_api_request_duration_seconds',
      help: 'Time that answers of the metrics API took, by API group (none: discovery and what is not served) and status code.',
      labelNames: ['group', 'code'],
      buckets,
      registers: [registry],
    });
  }

  /** Measures a request until its answer is written, or its caller is gone. */
  readonly middleware: RequestHandler = (request, response, next) => {
    const group = groupOf(request.path);
    const done = this.duration.startTimer();
    response.once('close', () => done({ group, code: response.statusCode }));
    next();
  };
}

function groupOf(path: string): string {
  return servedGroups.find(({ group, version }) => path.startsWith(`/apis/${group}/${version}/`))?.group ?? anythingElse;
}
