import { modelDeploymentController } from '../../../../controllers/modeldeployment/controller.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { createLogger, silentLogger } from '../../../../src/core/logger.ts';
import { ApiError, EventRecorder, InformerCache, type KubeClient, Manager } from '../../../../src/kube/index.ts';
import type { Account } from './account.ts';

/** A request of the operator that was not a read, as `POST pods` or `PATCH modeldeployments/status`, with the code of its answer. */
type Write = { readonly what: string; readonly at: number; readonly code: number };

/** What all operator processes of one scenario asked of the API server. */
export type CallLog = {
  readonly writes: Write[];
  /** What its role does not allow. */
  readonly forbidden: string[];
  /** Requests and watches by method. */
  readonly answers: Map<string, number>;
};

/** The process that `modelfleet controller` runs, made of the same parts, for one namespace. */
export class OperatorProcess {
  private readonly client: KubeClient;
  private readonly events: EventRecorder;
  private readonly stopping = new AbortController();
  private readonly ended: Promise<void>;
  private dropped = false;

  constructor(account: Account, namespace: string, log: CallLog) {
    const logger = process.env.LIFECYCLE_LOG ? createLogger('controller') : silentLogger;
    this.client = account.operator({
      fieldManager: 'modelfleet-controller',
      onResponse: ({ method, code }) => {
        log.answers.set(method, (log.answers.get(method) ?? 0) + 1);
        if (method === 'GET' && code === '403') log.forbidden.push('a list or watch');
      },
    });
    recordWrites(
      this.client,
      (what, code) => {
        // What a dead process still meant to say nobody has heard.
        if (!this.dropped) log.writes.push({ what, at: systemClock.now(), code });
      },
      log.forbidden,
    );
    const cache = new InformerCache(this.client, { logger });
    this.events = new EventRecorder({ client: this.client, component: 'modelfleet-controller', logger });
    const manager = new Manager({ logger });
    manager.addCache(cache);
    manager.addController(() =>
      modelDeploymentController({
        client: this.client,
        cache,
        events: this.events,
        namespace,
        gatewayUrl: 'http://modelfleet-gateway.modelfleet-system',
        workerImage: 'modelfleet/worker:cpu',
        workerImageCuda: 'modelfleet/worker:cuda',
        clock: systemClock,
        logger,
      }),
    );
    this.ended = manager.run(this.stopping.signal);
    // Looked at by whoever stops it.
    this.ended.catch(() => {});
  }

  /** As SIGTERM does. Throws what the process failed with. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
    await this.events.flush(AbortSignal.timeout(2_000));
    this.events.close();
    await this.client.close();
  }

  /** As SIGKILL does, for those who look from outside: not a word more from now on. */
  async drop(): Promise<void> {
    this.dropped = true;
    this.events.close();
    await this.client.close();
    this.stopping.abort();
    await this.ended.catch(() => {}); // it could not say goodbye
  }
}

function recordWrites(client: KubeClient, note: (what: string, code: number) => void, forbidden: string[]): void {
  const request = client.request.bind(client);
  client.request = async (method, path, options) => {
    if (method === 'GET') return request(method, path, options);
    const what = `${method} ${resourceOf(path)}`;
    try {
      const answer = await request(method, path, options);
      note(what, 200);
      return answer;
    } catch (error) {
      note(what, error instanceof ApiError ? error.code : 0);
      // Quotas and policies answer 403 too: these words are those of a missing right.
      if (error instanceof ApiError && error.code === 403 && /\bcannot (\w+ resource|set blockOwnerDeletion)/.test(error.message))
        forbidden.push(error.message);
      throw error;
    }
  };
}

/** `pods`, or `modeldeployments/status`. */
function resourceOf(path: string): string {
  const [, resource = path, , subresource] = /\/namespaces\/[^/]+\/([^/?]+)(\/[^/?]+)?(\/[^/?]+)?/.exec(path) ?? [];
  return `${resource}${subresource ?? ''}`;
}
