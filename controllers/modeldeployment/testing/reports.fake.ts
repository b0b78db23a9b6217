import type { ModelDeployment, ModelDeploymentSpec, ModelDeploymentStatus } from '../../../src/api/model-deployment.ts';
import { FakeClock } from '../../../src/core/fake-clock.ts';
import { type KubeClient, keyOf } from '../../../src/kube/index.ts';
import { accept } from '../acceptance.ts';
import type { Replica } from '../replica.ts';
import { Reporter } from '../report.ts';
import type { Obstacle, Trouble } from '../status-observation.ts';
import { deployment, t0 } from './makers.fake.ts';

const key = 'models/qwen';

type Intent = { readonly status: ModelDeploymentStatus };

/** A reporter over a server that keeps what it is told, with a clock of its own; `restart` lets another process take over. */
export class Reports {
  readonly clock = new FakeClock(t0);
  readonly writes: { readonly at: number; readonly status: ModelDeploymentStatus }[] = [];
  readonly events: string[] = [];
  readonly nodeClasses = new Map<string, string>();
  /** Other deployments of the fleet. */
  readonly others: ModelDeployment[] = [];
  /** Fails the next write. */
  failWith: Error | undefined;
  private stored: ModelDeployment;
  private version = 1;
  private reporter = this.newReporter();

  constructor(spec: Partial<ModelDeploymentSpec> = {}) {
    this.stored = deployment(spec);
  }

  get deployment(): ModelDeployment {
    return this.stored;
  }

  get status(): ModelDeploymentStatus | undefined {
    return this.stored.status;
  }

  restart(): void {
    this.reporter = this.newReporter();
  }

  async report(replicas: readonly Replica[], outcome: { readonly obstacle?: Obstacle; readonly halted?: Trouble } = {}) {
    const seen = {
      deployment: this.stored,
      ending: false,
      acceptance: accept(this.stored, 'privileged'),
      podSecurity: 'privileged' as const,
      template: undefined,
      revision: 'v1',
      replicas,
      nodeClasses: this.nodeClasses,
      waitingAtGateways: 0,
      drainTimeoutMs: 300_000,
      noProgressTimeoutMs: 300_000,
    };
    return this.reporter.report(key, seen, outcome, new AbortController().signal);
  }

  private newReporter(): Reporter {
    const find = () => [this.stored, ...this.others];
    return new Reporter(
      { deployments: { get: (name) => find().find((one) => keyOf(one) === name), byIndex: find }, pods: { byIndex: () => [] } },
      {
        client: { apply: async (_: unknown, intent: Intent) => this.apply(intent) } as unknown as Pick<KubeClient, 'apply'>,
        clock: this.clock,
        events: { event: (_, type, reason) => this.events.push(`${type} ${reason}`) },
      },
    );
  }

  private apply({ status }: Intent): ModelDeployment {
    const error = this.failWith;
    this.failWith = undefined;
    if (error) throw error;
    this.version += 1;
    this.writes.push({ at: this.clock.now(), status });
    this.stored = { ...this.stored, metadata: { ...this.stored.metadata, resourceVersion: String(this.version) }, status };
    return this.stored;
  }
}
