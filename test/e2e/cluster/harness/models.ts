import type { ModelDeploymentSpec } from '../../../../src/api/model-deployment.ts';
import { apiVersion } from '../../../../src/api/resources.ts';

/** SmolLM2 on the CPU, small enough for several on two cores. */
export function smollm2(namespace: string, name: string, source: string, spec: Partial<ModelDeploymentSpec> = {}): object {
  return {
    apiVersion,
    kind: 'ModelDeployment',
    metadata: { name, namespace },
    spec: {
      model: { source, contextLength: 1024 },
      engine: { device: 'CPU' },
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
      ...spec,
    },
  };
}
