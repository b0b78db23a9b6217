import type { ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';

type Shape = Partial<ModelDeploymentSpec>;

const nvidia = { resource: 'nvidia.com/gpu', count: 2 } as const;
const claimed = { type: 'PersistentVolumeClaim', size: '50Gi' } as const;
const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/**
 * One spec for each shape that a worker pod can have, but for HostPath, which only a privileged namespace admits.
 * What the cluster must have for them is in test/control-plane/classes.yaml.
 */
export const shapes: Readonly<Record<string, Shape>> = {
  'on-the-cpu': {},
  'with-nvidia-gpus': { resources: { gpu: nvidia }, placement: { tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }] } },
  'with-a-part-of-a-gpu': { resources: { gpu: { resource: 'nvidia.com/mig-1g.10gb' } } },
  'with-an-amd-gpu': { resources: { gpu: { resource: 'amd.com/gpu' } } },
  'with-an-intel-gpu': { resources: { gpu: { resource: 'gpu.intel.com/i915' } } },
  'on-vulkan': { engine: { device: 'Vulkan' }, resources: { gpu: { resource: 'nvidia.com/gpu' } } },
  'on-webgpu': { engine: { device: 'WebGPU' }, resources: { gpu: { resource: 'amd.com/gpu' } } },
  'with-a-claim-of-its-own': {
    engine: { device: 'CUDA' },
    resources: { claims: [{ name: 'gpu', resourceClaimTemplateName: 'one-gpu' }] },
  },
  'with-a-part-of-a-shared-claim': {
    engine: { device: 'CUDA' },
    resources: { claims: [{ name: 'gpus', resourceClaimName: 'two-gpus', request: 'first' }] },
  },
  'with-a-gpu-and-a-claim': { resources: { gpu: nvidia, claims: [{ name: 'nic', resourceClaimTemplateName: 'one-nic' }] } },
  'with-requests-and-limits': {
    resources: {
      requests: { cpu: 2, memory: '1.5Gi', 'ephemeral-storage': '20Gi' },
      limits: { memory: '8Gi', 'example.org/tokens': 3 },
    },
  },
  'with-shared-memory-for-two-gpus': {
    engine: { tuning: { tensorParallel: 2 } },
    resources: { gpu: nvidia, sharedMemory: '2Gi', limits: { memory: '16Gi' } },
  },
  'with-a-cache-on-a-claim': { cache: { ...claimed, storageClassName: 'fast' } },
  'with-a-cache-shared-by-nodes': { replicas: 2, cache: { ...claimed, accessMode: 'ReadWriteMany' } },
  'with-a-bounded-cache': { cache: { size: '20Gi' } },
  'with-a-source-on-a-claim': { model: { source: 'pvc://models/qwen/qwen3-4b.gguf' } },
  'with-a-secret': { model: { source: 'hf://Qwen/Qwen3-4B', secretRef: { name: 'hf-token' } } },
  'with-a-token-for-a-url': { model: { source: 'https://models.example.org/qwen3-4b.gguf', secretRef: { name: 'models-token' } } },
  'with-files-pins-and-context': {
    model: {
      source: 'hf://Qwen/Qwen3-4B-GGUF@main',
      files: ['*-Q4_K_M*.gguf', '*.json'],
      checksums: { 'b.gguf': `sha256:${'b'.repeat(64)}`, 'a.gguf': `sha256:${'a'.repeat(64)}` },
      contextLength: 32_768,
    },
  },
  'with-variables': {
    engine: {
      env: [
        { name: 'GGML_CUDA_FORCE_MMQ', value: '1' },
        { name: 'PROXY_PASSWORD', valueFrom: { secretKeyRef: { name: 'proxy', key: 'password', optional: true } } },
        { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
      ],
    },
  },
  'with-arguments': { engine: { args: ['--max-sequences', '4'], tuning: { maxSequences: 16 } } },
  'with-an-image': { engine: { image: 'example.org/worker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' } },
  'with-all-of-placement': {
    placement: {
      nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
      tolerations: [{ key: 'spot', operator: 'Equal', value: 'true', effect: 'NoExecute', tolerationSeconds: 30 }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['a', 'b'] }] }],
          },
        },
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 10, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'batch' } } } },
          ],
        },
      },
      priorityClassName: 'serving',
      runtimeClassName: 'nvidia',
    },
  },
  'without-spread': { placement: { topologySpread: false } },
  'with-short-times': { rollout: { drainTimeout: '1500ms' }, health: { wedgeTimeout: '10s' } },
  'with-a-sidecar': {
    template: {
      metadata: {
        labels: { team: 'search', 'app.kubernetes.io/part-of': 'chat' },
        annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090' },
      },
      spec: {
        initContainers: [
          {
            name: 'warm',
            image: 'example.org/warm:1',
            args: ['/cache'],
            volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
            securityContext: restricted,
          },
          { name: 'proxy', image: 'example.org/proxy:1', restartPolicy: 'Always', securityContext: restricted },
        ],
        containers: [{ name: 'log', image: 'example.org/log:1', args: ['--follow'], securityContext: restricted }],
      },
    },
  },
  'with-more-for-the-worker': {
    engine: {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
    model: { source: 'hf://Qwen/Qwen3-4B', secretRef: { name: 'hf-token' } },
    template: {
      spec: {
        containers: [
          {
            name: 'worker',
            env: [
              { name: 'B', value: '3' },
              { name: 'SSL_CERT_FILE', value: '/etc/ca/ca.crt' },
            ],
            envFrom: [{ secretRef: { name: 'hf-token' } }, { configMapRef: { name: 'proxy' } }],
            ports: [{ name: 'debug', containerPort: 9229 }],
            volumeMounts: [{ name: 'ca', mountPath: '/etc/ca', readOnly: true }],
            livenessProbe: { failureThreshold: 12 },
            lifecycle: { preStop: { sleep: { seconds: 5 } } },
            resources: { limits: { cpu: '8' } },
          },
        ],
        volumes: [
          { name: 'ca', configMap: { name: 'company-ca' } },
          {
            name: 'tmp',
            $retainKeys: ['name', 'ephemeral'],
            ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } } } },
          },
        ],
        terminationGracePeriodSeconds: 600,
      },
    },
  },
  'with-more-for-the-pod': {
    template: {
      spec: {
        serviceAccountName: 'default',
        automountServiceAccountToken: true,
        securityContext: { supplementalGroups: [44, 109], fsGroup: 1000 },
        hostAliases: [{ ip: '10.0.0.7', hostnames: ['models.internal'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '1' }] },
        schedulerName: 'gang-scheduler',
        schedulingGates: [{ name: 'example.org/quota' }],
        imagePullSecrets: [{ name: 'team' }],
        tolerations: [{ key: 'team', operator: 'Exists' }],
        topologySpreadConstraints: [
          {
            topologyKey: 'topology.kubernetes.io/zone',
            maxSkew: 1,
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { 'modelfleet.dev/model': 'qwen' } },
          },
        ],
      },
    },
  },
  'with-all-at-once': {
    model: {
      source: 'pvc://shared/qwen/model.gguf',
      files: ['model.gguf'],
      checksums: { 'model.gguf': `sha256:${'a'.repeat(64)}` },
      secretRef: { name: 'hf-token' },
      contextLength: 32_768,
    },
    engine: {
      device: 'CUDA',
      image: 'example.org/worker:2',
      args: ['--max-sequences', '4'],
      env: [{ name: 'GGML_CUDA_FORCE_MMQ', value: '1' }],
      tuning: { maxSequences: 16 },
    },
    resources: {
      gpu: nvidia,
      claims: [{ name: 'nic', resourceClaimTemplateName: 'one-nic' }],
      requests: { cpu: 4, memory: '8Gi' },
      limits: { memory: '8Gi' },
      sharedMemory: '2Gi',
    },
    placement: {
      nodeSelector: { gpu: 'h100' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      priorityClassName: 'serving',
      runtimeClassName: 'nvidia',
      topologySpread: false,
    },
    cache: { type: 'PersistentVolumeClaim', size: '50Gi', storageClassName: 'fast' },
    template: {
      metadata: { annotations: { team: 'search' } },
      spec: { containers: [{ name: 'log', image: 'example.org/log:1', securityContext: restricted }] },
    },
    rollout: { drainTimeout: '90s' },
    health: { wedgeTimeout: '30s' },
  },
};

/** The shape that only a privileged namespace admits. */
export const shapeOnHost: Shape = { cache: { type: 'HostPath' } };

/** Engines in stock images, with the agent brought beside them. Acceptance lets none of them through yet: shapes of pods alone. */
export const stockShapes: Readonly<Record<string, Shape>> = {
  'with-vllm': {
    engine: { type: 'VLLM', image: 'vllm/vllm-openai:v0.11.0', args: ['--max-num-seqs', '64'] },
    resources: { gpu: nvidia, sharedMemory: '2Gi' },
  },
  'with-llama-server': { engine: { type: 'LlamaServer', image: 'llama.cpp:server', device: 'CPU', args: ['--parallel', '4'] } },
  'with-an-engine-of-the-user': { engine: { type: 'Custom', image: 'example/engine:1', args: ['serve', '--port', '8001'] } },
};
