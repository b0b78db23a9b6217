import { parseArgs } from 'node:util';

/** What `bench:operator` is told on the command line. */
export type Options = {
  readonly deployments: number;
  readonly replicas: number;
  /** Deployments applied each second. */
  readonly rate: number;
  readonly nodes: number;
  /** How long a pod's images are pulled before it runs. */
  readonly startMs: number;
  /** How long a pod runs before it is ready. */
  readonly loadMs: number;
  readonly idleSeconds: number;
  /** Measure Kubernetes' own Deployments too. */
  readonly baseline: boolean;
  /** Where the controller leaves its CPU profiles; none are taken unless given. */
  readonly profile: string | undefined;
};

/** Reads the command line. Throws an Error that names the option when a number is none. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      deployments: { type: 'string', default: '1000' },
      replicas: { type: 'string', default: '5' },
      rate: { type: 'string', default: '20' },
      nodes: { type: 'string', default: '100' },
      'start-ms': { type: 'string', default: '60000' },
      'load-ms': { type: 'string', default: '2000' },
      'idle-seconds': { type: 'string', default: '60' },
      baseline: { type: 'boolean', default: false },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'deployments' | 'replicas' | 'rate' | 'nodes' | 'start-ms' | 'load-ms' | 'idle-seconds') => {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} must be a number above 0, not ${values[name]}`);
    return value;
  };
  return {
    deployments: number('deployments'),
    replicas: number('replicas'),
    rate: number('rate'),
    nodes: number('nodes'),
    startMs: number('start-ms'),
    loadMs: number('load-ms'),
    idleSeconds: number('idle-seconds'),
    baseline: values.baseline,
    profile: values.profile,
  };
}
