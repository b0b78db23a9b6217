import type { JsonObject } from '../../core/json.ts';
import { apiVersion } from '../resources.ts';

/** One thing that an API server must refuse, beside its nearest neighbour that it must accept. Any API server can be tried with it by dry-run. */
export type ValidationExample = {
  readonly what: string;
  readonly accepted: JsonObject;
  readonly refused: JsonObject;
  /** The stored object that both are updates of; without it both are creations. */
  readonly before?: JsonObject;
  /** The field that the refusal names. */
  readonly field: string;
  /** What the refusal says, when a rule makes it; a schema's own refusal is worded by the server. */
  readonly message?: string;
};

const source = 'file:///models/SmolLM2-135M-Instruct.Q4_1.gguf';
const gpu = { gpu: { count: 2 } };
const issuer = { issuer: 'https://login.example.com', audiences: ['models'] };
const claim = { name: 'gpu', resourceClaimTemplateName: 'h100' };

/** A valid ModelDeployment with these fields in its spec. */
function deployment(spec: JsonObject = {}, name = 'smollm2'): JsonObject {
  return { apiVersion, kind: 'ModelDeployment', metadata: { name, namespace: 'default' }, spec: { model: { source }, ...spec } };
}

function modelFrom(fields: JsonObject): JsonObject {
  return deployment({ model: { source, ...fields } });
}

function template(fields: JsonObject): JsonObject {
  return deployment({ template: fields });
}

function tenant(key: JsonObject, spec: JsonObject = {}): JsonObject {
  return {
    apiVersion,
    kind: 'Tenant',
    metadata: { name: 'acme' },
    spec: { keys: [{ name: 'laptop', hash: `sha256:${'a'.repeat(64)}`, ...key }], ...spec },
  };
}

/** One accepted and one refused example for each rule of the CRDs, and for the schema's own limits that people meet. */
export const validationExamples: readonly ValidationExample[] = [
  {
    what: 'a name that leaves room for the suffix of pods',
    accepted: deployment({}, 'n'.repeat(57)),
    refused: deployment({}, 'n'.repeat(58)),
    field: '',
    message: 'use a name of at most 57 characters',
  },
  {
    what: 'a name that a host may have',
    accepted: deployment({}, 'qwen2-5'),
    refused: deployment({}, 'qwen2.5'),
    field: '',
    message: 'use a name without dots',
  },
  ...[
    ['hf://Qwen/Qwen3-4B-Instruct-2507@main', 'hf://Qwen'],
    ['s3://models/qwen/', 's3:/models/qwen'],
    ['https://example.org/model.gguf', 'https:///model.gguf'],
    ['http://models.internal:8080/model.gguf?version=1', 'ftp://models.internal/model.gguf'],
    ['http://10.0.0.7/a/b/model-Q4_K_M.gguf', 'http://10.0.0.7'],
    ['oci://registry.example.org/models/qwen:1', 'docker://qwen'],
    ['pvc://shared-models/qwen', 'pvc://shared-models'],
    ['file:///models/a.gguf', 'file://models/a b.gguf'],
  ].map(([good = '', bad = '']) => ({
    what: `a source such as ${good}`,
    accepted: modelFrom({ source: good }),
    refused: modelFrom({ source: bad }),
    field: 'spec.model.source',
    message: 'write where the model is as hf://ORG/REPO',
  })),
  {
    what: 'files inside the source',
    accepted: modelFrom({ files: ['*.safetensors', 'sub/config.json'] }),
    refused: modelFrom({ files: ['../secret'] }),
    field: 'spec.model.files[0]',
    message: 'write file names or globs relative to the source',
  },
  {
    what: 'no files beside a URL, which names one',
    accepted: modelFrom({ source: 'https://example.org/model.gguf' }),
    refused: modelFrom({ source: 'https://example.org/model.gguf', files: ['model.gguf'] }),
    field: 'spec.model',
    message: 'an http:// or https:// source names one file',
  },
  {
    what: 'no credentials in a URL',
    accepted: modelFrom({ source: 'https://example.org/models/@org/model.gguf', secretRef: { name: 'token' } }),
    refused: modelFrom({ source: 'https://user:secret@example.org/model.gguf' }),
    field: 'spec.model',
    message: 'credentials in a URL would be shown',
  },
  {
    what: 'checksums that are SHA-256',
    accepted: modelFrom({ checksums: { 'a.gguf': `sha256:${'0'.repeat(64)}` } }),
    refused: modelFrom({ checksums: { 'a.gguf': `md5:${'0'.repeat(32)}` } }),
    field: 'spec.model.checksums[a.gguf]',
    message: 'write a checksum as sha256:',
  },
  {
    what: 'the name of a Secret',
    accepted: modelFrom({ secretRef: { name: 'hf-token' } }),
    refused: modelFrom({ secretRef: { name: 'HF_TOKEN' } }),
    field: 'spec.model.secretRef.name',
    message: 'write the name of a Kubernetes object',
  },
  {
    what: 'the name of an adapter',
    accepted: modelFrom({ adapters: [{ name: 'sql', source: 'hf://me/sql' }] }),
    refused: modelFrom({ adapters: [{ name: 'my:sql', source: 'hf://me/sql' }] }),
    field: 'spec.model.adapters[0].name',
    message: 'use lower-case letters, digits and -',
  },
  {
    what: 'the source of an adapter',
    accepted: modelFrom({ adapters: [{ name: 'sql', source: 'hf://me/sql' }] }),
    refused: modelFrom({ adapters: [{ name: 'sql', source: 'sql' }] }),
    field: 'spec.model.adapters[0].source',
    message: 'write where the model is as hf://ORG/REPO',
  },
  {
    what: 'a context that holds a prompt',
    accepted: modelFrom({ contextLength: 32_768 }),
    refused: modelFrom({ contextLength: 0 }),
    field: 'spec.model.contextLength',
  },
  {
    what: 'a known engine',
    accepted: deployment({ engine: { type: 'LlamaServer' } }),
    refused: deployment({ engine: { type: 'Ollama' } }),
    field: 'spec.engine.type',
  },
  {
    what: 'a device that vLLM has',
    accepted: deployment({ engine: { type: 'VLLM', device: 'CUDA' } }),
    refused: deployment({ engine: { type: 'VLLM', device: 'Vulkan' } }),
    field: 'spec.engine',
    message: 'engine.type VLLM runs on device Auto, CPU or CUDA',
  },
  {
    what: 'a device that llama-server has',
    accepted: deployment({ engine: { type: 'LlamaServer', device: 'Vulkan' } }),
    refused: deployment({ engine: { type: 'LlamaServer', device: 'WebGPU' } }),
    field: 'spec.engine',
    message: 'engine.type LlamaServer has no WebGPU',
  },
  {
    what: 'an image for a custom engine',
    accepted: deployment({ engine: { type: 'Custom', image: 'example.org/engine:1' } }),
    refused: deployment({ engine: { type: 'Custom' } }),
    field: 'spec.engine',
    message: 'engine.type Custom needs engine.image',
  },
  {
    what: 'an image reference',
    accepted: deployment({ engine: { image: 'example.org/engine@sha256:abc' } }),
    refused: deployment({ engine: { image: 'my engine' } }),
    field: 'spec.engine.image',
    message: 'write an image reference without spaces',
  },
  {
    what: 'a share of the GPU memory',
    accepted: deployment({ engine: { tuning: { gpuMemoryUtilization: '0.9' } } }),
    refused: deployment({ engine: { tuning: { gpuMemoryUtilization: '90%' } } }),
    field: 'spec.engine.tuning.gpuMemoryUtilization',
    message: 'write a share of the memory between 0.01 and 1',
  },
  {
    what: 'a type of the KV cache',
    accepted: deployment({ engine: { tuning: { kvCacheType: 'q8_0' } } }),
    refused: deployment({ engine: { tuning: { kvCacheType: 'Q8' } } }),
    field: 'spec.engine.tuning.kvCacheType',
    message: 'write a cache type such as auto',
  },
  {
    what: 'the CPU without a GPU',
    accepted: deployment({ engine: { device: 'CPU' } }),
    refused: deployment({ engine: { device: 'CPU' }, resources: gpu }),
    field: 'spec',
    message: 'engine.device CPU uses no GPU',
  },
  {
    what: 'as many GPUs as the model is spread over',
    accepted: deployment({ engine: { type: 'VLLM', tuning: { tensorParallel: 2 } }, resources: gpu }),
    refused: deployment({ engine: { type: 'VLLM', tuning: { tensorParallel: 4 } }, resources: gpu }),
    field: 'spec',
    message: 'engine.tuning.tensorParallel needs as many GPUs',
  },
  {
    what: 'a model that is spread over the devices of a claim',
    accepted: deployment({ engine: { device: 'CUDA', tuning: { tensorParallel: 4 } }, resources: { claims: [claim] } }),
    refused: deployment({ engine: { device: 'CUDA', tuning: { tensorParallel: 4 } } }),
    field: 'spec',
    message: 'engine.tuning.tensorParallel needs as many GPUs',
  },
  {
    what: 'a device named beside a claim',
    accepted: deployment({ engine: { device: 'CUDA' }, resources: { claims: [claim] } }),
    refused: deployment({ resources: { claims: [claim] } }),
    field: 'spec',
    message: 'engine.device Auto cannot see what resources.claims give',
  },
  {
    what: 'a claim beside a GPU, which says what Auto is',
    accepted: deployment({ resources: { ...gpu, claims: [{ name: 'nic', resourceClaimName: 'nic' }] } }),
    refused: deployment({ resources: { ...gpu, claims: [{ name: 'nic' }] } }),
    field: 'spec.resources.claims[0]',
    message: 'name either a resourceClaimName or a resourceClaimTemplateName',
  },
  ...['name', 'request'].map((field) => ({
    what: `the ${field} of a claim`,
    accepted: deployment({ engine: { device: 'CUDA' }, resources: { claims: [{ ...claim, [field]: 'gpu-0' }] } }),
    refused: deployment({ engine: { device: 'CUDA' }, resources: { claims: [{ ...claim, [field]: 'GPU' }] } }),
    field: `spec.resources.claims[0].${field}`,
    message: 'use lower-case letters, digits and -',
  })),
  ...['resourceClaimName', 'resourceClaimTemplateName'].map((field) => ({
    what: `an object in ${field}`,
    accepted: deployment({ engine: { device: 'CUDA' }, resources: { claims: [{ name: 'gpu', [field]: 'h100' }] } }),
    refused: deployment({ engine: { device: 'CUDA' }, resources: { claims: [{ name: 'gpu', [field]: 'H100' }] } }),
    field: `spec.resources.claims[0].${field}`,
    message: 'write the name of a Kubernetes object',
  })),
  {
    what: 'labels that are not ours',
    accepted: template({ metadata: { labels: { team: 'search', 'app.kubernetes.io/part-of': 'chat' } } }),
    refused: template({ metadata: { labels: { 'app.kubernetes.io/name': 'chat' } } }),
    field: 'spec.template.metadata.labels',
    message: 'labels modelfleet.dev/* and app.kubernetes.io/name',
  },
  {
    what: 'annotations that are not ours',
    accepted: template({ metadata: { annotations: { 'prometheus.io/scrape': 'true' } } }),
    refused: template({ metadata: { annotations: { 'modelfleet.dev/draining': 'true' } } }),
    field: 'spec.template.metadata.annotations',
    message: 'annotations modelfleet.dev/*',
  },
  {
    what: 'a template that leaves replicas servers',
    accepted: template({ spec: { restartPolicy: 'Always', hostname: 'model', hostAliases: [{ ip: '10.0.0.7', hostnames: ['cache'] }] } }),
    refused: template({ spec: { restartPolicy: 'Never' } }),
    field: 'spec.template.spec',
    message: 'restartPolicy stays Always',
  },
  {
    what: 'a template that leaves the arguments of the worker',
    accepted: template({
      spec: {
        containers: [
          { name: 'worker', env: [{ name: 'A', value: '1' }] },
          { name: 'log', image: 'log', args: ['-f'] },
        ],
      },
    }),
    refused: template({ spec: { containers: [{ name: 'worker', args: ['--device', 'CPU'] }] } }),
    field: 'spec.template.spec',
    message: 'the arguments of container worker are written by the operator',
  },
  {
    what: 'a container with a name',
    accepted: template({ spec: { initContainers: [{ name: 'fetch', image: 'fetch' }] } }),
    refused: template({ spec: { initContainers: [{ image: 'fetch' }] } }),
    field: 'spec.template.spec',
  },
  {
    what: 'a GPU resource with its domain',
    accepted: deployment({ resources: { gpu: { resource: 'amd.com/gpu' } } }),
    refused: deployment({ resources: { gpu: { resource: 'gpu' } } }),
    field: 'spec.resources.gpu.resource',
    message: 'write an extended resource such as nvidia.com/gpu',
  },
  {
    what: 'quantities as text or number',
    accepted: deployment({ resources: { requests: { cpu: 2, memory: '1.5Gi' }, sharedMemory: '2Gi' } }),
    refused: deployment({ resources: { requests: { memory: '2 GB' } } }),
    field: 'spec.resources.requests.memory',
  },
  {
    what: 'the name of a priority class',
    accepted: deployment({ placement: { priorityClassName: 'system-node-critical' } }),
    refused: deployment({ placement: { priorityClassName: 'Very High' } }),
    field: 'spec.placement.priorityClassName',
    message: 'write the name of a Kubernetes object',
  },
  {
    what: 'the name of a runtime class',
    accepted: deployment({ placement: { runtimeClassName: 'nvidia' } }),
    refused: deployment({ placement: { runtimeClassName: 'NVIDIA' } }),
    field: 'spec.placement.runtimeClassName',
    message: 'write the name of a Kubernetes object',
  },
  {
    what: 'a storage class for a claim only',
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '50Gi', storageClassName: 'fast' } }),
    refused: deployment({ cache: { type: 'Ephemeral', storageClassName: 'fast' } }),
    field: 'spec.cache',
    message: 'cache.storageClassName goes with cache.type PersistentVolumeClaim',
  },
  {
    what: 'the name of a storage class',
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '50Gi', storageClassName: 'fast.example.org' } }),
    refused: deployment({ cache: { type: 'PersistentVolumeClaim', size: '50Gi', storageClassName: 'Fast' } }),
    field: 'spec.cache.storageClassName',
    message: 'write the name of a Kubernetes object',
  },
  {
    what: 'a size for a claim',
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '50Gi' } }),
    refused: deployment({ cache: { type: 'PersistentVolumeClaim' } }),
    field: 'spec.cache',
    message: 'cache.type PersistentVolumeClaim needs cache.size',
  },
  {
    what: 'a cache that stays of its type',
    before: deployment({ cache: { type: 'HostPath' } }),
    accepted: deployment({ cache: { type: 'HostPath', size: '1Gi' } }),
    refused: deployment({ cache: { type: 'Ephemeral' } }),
    field: 'spec.cache',
    message: 'cache.type cannot change',
  },
  {
    what: 'a claim that stays in its class',
    before: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', storageClassName: 'slow' } }),
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', storageClassName: 'slow' } }),
    refused: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', storageClassName: 'fast' } }),
    field: 'spec.cache',
    message: 'cache.storageClassName cannot change',
  },
  {
    what: 'an access mode for a claim alone',
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', accessMode: 'ReadWriteMany' } }),
    refused: deployment({ cache: { accessMode: 'ReadWriteMany' } }),
    field: 'spec.cache',
    message: 'cache.accessMode goes with cache.type PersistentVolumeClaim',
  },
  {
    what: 'a claim that keeps its access mode',
    before: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', accessMode: 'ReadWriteOnce' } }),
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', accessMode: 'ReadWriteOnce' } }),
    refused: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi', accessMode: 'ReadWriteMany' } }),
    field: 'spec.cache',
    message: 'cache.accessMode cannot change',
  },
  {
    what: 'a claim that keeps its size',
    before: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi' } }),
    accepted: deployment({ cache: { type: 'PersistentVolumeClaim', size: '1Gi' }, replicas: 2 }),
    refused: deployment({ cache: { type: 'PersistentVolumeClaim', size: '2Gi' } }),
    field: 'spec.cache',
    message: 'cache.size of a claim cannot change',
  },
  {
    what: 'a cache on the disk of the pod that may grow',
    before: deployment({ cache: { type: 'Ephemeral', size: '1Gi' } }),
    accepted: deployment({ cache: { type: 'Ephemeral', size: '2Gi' } }),
    refused: deployment({ cache: { type: 'HostPath', size: '2Gi' } }),
    field: 'spec.cache',
  },
  {
    what: 'a number of replicas',
    accepted: deployment({ replicas: 0 }),
    refused: deployment({ replicas: -1 }),
    field: 'spec.replicas',
  },
  {
    what: 'fewest replicas not above most',
    accepted: deployment({ scaling: { minReplicas: 3, maxReplicas: 3 } }),
    refused: deployment({ scaling: { minReplicas: 4, maxReplicas: 3 } }),
    field: 'spec.scaling',
    message: 'scaling.minReplicas is above scaling.maxReplicas',
  },
  {
    what: 'a behaviour that an autoscaler takes',
    accepted: deployment({
      scaling: {
        maxReplicas: 3,
        behavior: {
          scaleUp: { selectPolicy: 'Max', tolerance: '0.05' },
          scaleDown: { stabilizationWindowSeconds: 60, policies: [{ type: 'Pods', value: 1, periodSeconds: 30 }] },
        },
      },
    }),
    refused: deployment({ scaling: { maxReplicas: 3, behavior: { scaleDown: { stabilizationWindowSeconds: 7_200 } } } }),
    field: 'spec.scaling.behavior.scaleDown.stabilizationWindowSeconds',
  },
  ...['scaleUp', 'scaleDown'].map((direction) => ({
    what: `a tolerance of ${direction} that is a share`,
    accepted: deployment({ scaling: { maxReplicas: 3, behavior: { [direction]: { tolerance: '0.2' } } } }),
    refused: deployment({ scaling: { maxReplicas: 3, behavior: { [direction]: { tolerance: '20%' } } } }),
    field: `spec.scaling.behavior.${direction}.tolerance`,
    message: 'write a share such as "0.05", in quotes',
  })),
  {
    what: 'a share of the KV cache to scale on',
    accepted: deployment({ scaling: { maxReplicas: 3, targetKVCacheUsage: '0.80' } }),
    refused: deployment({ scaling: { maxReplicas: 3, targetKVCacheUsage: '80%' } }),
    field: 'spec.scaling.targetKVCacheUsage',
    message: 'write a share of the KV cache',
  },
  {
    what: 'a time to the first token that can be reached',
    accepted: deployment({ scaling: { maxReplicas: 3, targetTimeToFirstToken: '800ms' } }),
    refused: deployment({ scaling: { maxReplicas: 3, targetTimeToFirstToken: '0s' } }),
    field: 'spec.scaling',
    message: 'scaling.targetTimeToFirstToken must be longer than nothing',
  },
  ...(
    [
      ['spec.scaling.idleTimeout', (idleTimeout) => ({ scaling: { maxReplicas: 2, idleTimeout } })],
      ['spec.scaling.targetTimeToFirstToken', (targetTimeToFirstToken) => ({ scaling: { maxReplicas: 2, targetTimeToFirstToken } })],
      ['spec.serving.queueTimeout', (queueTimeout) => ({ serving: { queueTimeout } })],
      ['spec.serving.holdTimeout', (holdTimeout) => ({ serving: { holdTimeout } })],
      ['spec.serving.firstTokenTimeout', (firstTokenTimeout) => ({ serving: { firstTokenTimeout } })],
      ['spec.serving.idleStreamTimeout', (idleStreamTimeout) => ({ serving: { idleStreamTimeout } })],
      ['spec.serving.requestTimeout', (requestTimeout) => ({ serving: { requestTimeout } })],
      ['spec.serving.cache.ttl', (ttl) => ({ serving: { cache: { ttl } } })],
      ['spec.rollout.noProgressTimeout', (noProgressTimeout) => ({ rollout: { noProgressTimeout } })],
      ['spec.rollout.drainTimeout', (drainTimeout) => ({ rollout: { drainTimeout } })],
      ['spec.health.wedgeTimeout', (wedgeTimeout) => ({ health: { wedgeTimeout } })],
    ] satisfies [string, (value: string) => JsonObject][]
  ).map(([field, spec]) => ({
    what: `a duration in ${field}`,
    accepted: deployment(spec('1h30m')),
    refused: deployment(spec('90')),
    field,
    message: 'write a duration such as 30s, 5m or 1h30m',
  })),
  {
    what: 'public names that fit in a URL',
    accepted: deployment({ serving: { names: ['gpt-4o-mini', 'meta-llama/Llama-3.2:sql'] } }),
    refused: deployment({ serving: { names: ['my model'] } }),
    field: 'spec.serving.names[0]',
    message: 'use letters, digits and . _ : / - in public names',
  },
  {
    what: 'a temperature that models know',
    accepted: deployment({ serving: { defaults: { temperature: 0.7, topP: 0.8 } } }),
    refused: deployment({ serving: { defaults: { temperature: 3 } } }),
    field: 'spec.serving.defaults.temperature',
  },
  {
    what: 'a rollout that can move',
    accepted: deployment({ rollout: { maxSurge: 0, maxUnavailable: 1 } }),
    refused: deployment({ rollout: { maxSurge: 0 } }),
    field: 'spec.rollout',
    message: 'with rollout.maxSurge and rollout.maxUnavailable both 0',
  },
  {
    what: 'a hash in place of a key',
    accepted: tenant({}),
    refused: tenant({ hash: 'mf-secret' }),
    field: 'spec.keys[0].hash',
    message: 'write a checksum as sha256:',
  },
  {
    what: 'the name of a key',
    accepted: tenant({ name: 'ci-2' }),
    refused: tenant({ name: 'CI 2' }),
    field: 'spec.keys[0].name',
    message: 'use lower-case letters, digits and -',
  },
  {
    what: 'an instant of expiry',
    accepted: tenant({ expiresAt: '2027-01-31T00:00:00Z' }),
    refused: tenant({ expiresAt: 'tomorrow' }),
    field: 'spec.keys[0].expiresAt',
  },
  {
    what: 'an issuer of tokens',
    accepted: tenant({}, { jwt: { issuer: 'https://login.example.com/realms/acme', audiences: ['models'] } }),
    refused: tenant({}, { jwt: { issuer: 'login.example.com', audiences: ['models'] } }),
    field: 'spec.jwt.issuer',
    message: 'write an https:// address',
  },
  {
    what: 'keys that nobody can replace on the way',
    accepted: tenant({}, { jwt: { ...issuer, jwksUri: 'http://keycloak.auth.svc:8080/keys' } }),
    refused: tenant({}, { jwt: { ...issuer, jwksUri: 'http://login.example.com/keys' } }),
    field: 'spec.jwt.jwksUri',
    message: 'write an https:// address',
  },
];
