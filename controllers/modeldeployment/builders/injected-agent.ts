import type { Container, Volume, VolumeMount } from 'kubernetes-types/core/v1.js';
import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { agentImage, type WorkerDefaults } from './worker-image.ts';

/** Where the program of the agent lies beside an engine that is not ours. */
const directory = '/opt/modelfleet';

/** What brings the agent into the container of a stock image. */
type InjectedAgent = {
  readonly initContainer: Container;
  readonly volume: Volume;
  readonly mount: VolumeMount;
  /** Starts the agent, which then starts the engine. */
  readonly command: string[];
};

/** Node and the agent, copied out of the worker's image, for the stock images of engines; undefined for our own, which have both. */
export function injectedAgent({ engine }: ResolvedSpec, defaults: WorkerDefaults): InjectedAgent | undefined {
  if (engine.type === 'Worker') return undefined;
  const mount = { name: 'agent', mountPath: directory };
  return {
    initContainer: {
      name: 'agent',
      ...agentImage(defaults),
      args: ['install', directory],
      resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '256Mi' } },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      volumeMounts: [mount],
    },
    volume: { name: 'agent', emptyDir: {} },
    mount: { ...mount, readOnly: true },
    command: [`${directory}/node`, `${directory}/main.mjs`],
  };
}
