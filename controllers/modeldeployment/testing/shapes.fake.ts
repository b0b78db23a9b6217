import type { ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';

/** One spec for each shape that a worker pod can have, but for HostPath, which only a privileged namespace admits. */
export const shapes: Readonly<Record<string, Partial<ModelDeploymentSpec>>> = {
  'on-the-cpu': {},
  'with-a-gpu': { resources: { gpu: { count: 1 } }, placement: { tolerations: [{ operator: 'Exists' }] } },
  'with-a-source-on-a-claim': { model: { source: 'pvc://models/qwen.gguf' } },
  'with-a-cache-on-a-claim': { cache: { type: 'PersistentVolumeClaim', size: '1Gi' } },
  'with-a-bounded-cache': { cache: { size: '1Gi' } },
  'with-shared-memory': { resources: { gpu: {}, sharedMemory: '64Mi' } },
  'with-a-secret': { model: { source: 'hf://Qwen/Qwen3-4B', secretRef: { name: 'hf-token' } } },
};
