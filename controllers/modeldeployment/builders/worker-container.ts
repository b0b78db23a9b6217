import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { defaultHttpPort, defaultManagementPort, httpPortName, managementPortName } from '../../../src/core/agent-contract.ts';
import { workerArguments } from './arguments.ts';
import { injectedAgent } from './injected-agent.ts';
import { workerVolumes } from './volumes.ts';
import { type WorkerDefaults, workerImage } from './worker-image.ts';
import { containerResources } from './worker-resources.ts';

/** The name of the container that runs agent and engine; others of the pod are the user's. */
export const workerContainerName = 'worker';

/** The container that serves the model. */
export function workerContainer(deployment: string, spec: ResolvedSpec, defaults: WorkerDefaults): Container {
  const { engine, model } = spec;
  const agent = injectedAgent(spec, defaults);
  return {
    name: workerContainerName,
    ...workerImage(spec, defaults),
    ...(agent && { command: agent.command }),
    args: workerArguments(deployment, spec),
    ...(engine.env && { env: engine.env }),
    ...(model.secretRef && { envFrom: [{ secretRef: { name: model.secretRef.name } }] }),
    ports: [
      { name: httpPortName, containerPort: defaultHttpPort, protocol: 'TCP' },
      { name: managementPortName, containerPort: defaultManagementPort, protocol: 'TCP' },
    ],
    resources: containerResources(spec.resources),
    // The agent's port is up within a second, long before the model: so these ask for the agent, and only /readyz for the model.
    startupProbe: { ...ask('/livez'), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...ask('/livez'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...ask('/readyz'), periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 3 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [...workerVolumes(deployment, spec).map(({ mount }) => mount), ...(agent ? [agent.mount] : [])],
  };
}

function ask(path: string): Probe {
  return { httpGet: { path, port: managementPortName } };
}
