import { Counter, type Registry } from 'prom-client';

/** Prometheus metrics of what happens between zero and one replica. Labels are deployments (`namespace/name`). */
export class ScalingMetrics {
  private readonly wakes: Counter<'model'>;
  private readonly sleeps: Counter<'model'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.wakes = new Counter({
      name: 'modelfleet_scaling_wakes_total',
      help: 'Models that were woken from zero replicas.',
      labelNames: ['model'],
      registers,
    });
    this.sleeps = new Counter({
      name: 'modelfleet_scaling_sleeps_total',
      help: 'Models that were put to sleep, to zero replicas, because nobody asked for them.',
      labelNames: ['model'],
      registers,
    });
  }

  woke(model: string): void {
    this.wakes.inc({ model });
  }

  slept(model: string): void {
    this.sleeps.inc({ model });
  }

  /** The deployment is gone. */
  forget(model: string): void {
    this.wakes.remove({ model });
    this.sleeps.remove({ model });
  }
}
