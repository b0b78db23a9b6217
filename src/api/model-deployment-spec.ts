import { z } from 'zod';
import {
  affinity,
  dnsLabel,
  duration,
  envVar,
  int32,
  objectName,
  podSpecPatch,
  quantity,
  rules,
  scalingBehavior,
  sha256,
  stringMap,
  text,
  toleration,
} from './fields.ts';

const source = text(
  /^((hf|s3|https?|oci|pvc):\/\/[^/ ]+\/|file:\/\/\/)[^ ]+$/,
  1024,
  'write where the model is as hf://ORG/REPO, s3://BUCKET/PATH, https://HOST/PATH, http://HOST/PATH, oci://HOST/REPO, pvc://CLAIM/PATH or file:///PATH',
);

const file = text(/^[^/ .][^ ]*$|^\.[^. ][^ ]*$/, 256, 'write file names or globs relative to the source, such as *.safetensors');

const adapter = z.object({
  name: dnsLabel.describe('Requests name the adapter as `MODEL:NAME`.'),
  source: source.describe('Where the adapter is, written as `spec.model.source`.'),
});

const model = z
  .object({
    source: source.describe(
      'Where the model is: `hf://`, `s3://`, `https://`, `http://`, `oci://`, `pvc://` or `file://`; `hf://` with an optional `@revision`. An `https://` or `http://` URL names one file.',
    ),
    files: z
      .array(file)
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Names or globs of the files to fetch; for GGUF one file. All files of the source when not given.')
      .exactOptional(),
    checksums: z.record(z.string(), sha256).meta({ maxProperties: 64 }).describe('Pins: file name to `sha256:HEX`.').exactOptional(),
    secretRef: z
      .object({ name: objectName.describe('Name of the Secret.') })
      .describe(
        'Secret in the same namespace whose keys become environment variables of the worker, such as `MODEL_SOURCE_TOKEN` (sent as a bearer token to an `https://` or `http://` source), `HF_TOKEN` or `AWS_ACCESS_KEY_ID`.',
      )
      .exactOptional(),
    contextLength: int32(128, 16_777_216)
      .describe('Longest prompt plus answer, in tokens. What the model was trained for when not given.')
      .exactOptional(),
    adapters: z
      .array(adapter)
      .max(32)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('LoRA adapters served beside the model.')
      .exactOptional(),
  })
  .meta(
    rules(
      {
        rule: "!has(self.files) || !(self.source.startsWith('http://') || self.source.startsWith('https://'))",
        message: 'an http:// or https:// source names one file: leave model.files out',
      },
      {
        rule: "!self.source.matches('^https?://[^/]*@')",
        message: 'credentials in a URL would be shown to all who see the pod: put them into the Secret of model.secretRef',
      },
    ),
  )
  .describe('What is served.');

const tuning = z
  .object({
    dtype: z.enum(['auto', 'float16', 'bfloat16', 'float32']).describe('Type of the weights in memory.').exactOptional(),
    maxSequences: int32(1, 4096).describe('Most requests that one replica computes at once.').exactOptional(),
    gpuMemoryUtilization: text(
      /^(0\.[0-9]{1,4}|1(\.0{1,4})?)$/,
      6,
      'write a share of the memory between 0.01 and 1, in quotes, such as "0.9"',
    )
      .describe('Share of the device memory that the engine may take.')
      .exactOptional(),
    tensorParallel: int32(1, 64).describe('GPUs that one replica is spread over.').exactOptional(),
    kvCacheType: text(/^[a-z][a-z0-9_]*$/, 16, 'write a cache type such as auto, f16, q8_0 or fp8')
      .describe('Type of the KV cache.')
      .exactOptional(),
    chunkedPrefill: z.boolean().describe('Mix pieces of long prompts with running answers.').exactOptional(),
  })
  .describe('Knobs of the engine; each engine uses those that it knows.');

const engine = z
  .object({
    type: z.enum(['Worker', 'VLLM', 'LlamaServer', 'Custom']).default('Worker').describe('The engine that runs the model.'),
    device: z
      .enum(['Auto', 'CPU', 'CUDA', 'Vulkan', 'WebGPU'])
      .default('Auto')
      .describe('What to compute on. Auto takes a GPU when `resources.gpu` asks for one and is never silently CPU then.'),
    image: text(/^[^ ]+$/, 512, 'write an image reference without spaces')
      .describe("Image to run instead of the engine's own.")
      .exactOptional(),
    args: z
      .array(z.string().max(4096))
      .max(128)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe("Arguments after the operator's own; where both set a thing these win.")
      .exactOptional(),
    env: z
      .array(envVar)
      .max(128)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe("Environment variables of the container, as in a pod; these win over the operator's.")
      .exactOptional(),
    tuning: tuning.exactOptional(),
  })
  .meta(
    rules(
      {
        rule: "self.type != 'VLLM' || self.device in ['Auto', 'CPU', 'CUDA']",
        message: 'engine.type VLLM runs on device Auto, CPU or CUDA: choose one of these, or engine.type Worker for Vulkan and WebGPU',
      },
      {
        rule: "self.type != 'LlamaServer' || self.device != 'WebGPU'",
        message: 'engine.type LlamaServer has no WebGPU: choose device Auto, CPU, CUDA or Vulkan, or engine.type Worker',
      },
      { rule: "self.type != 'Custom' || has(self.image)", message: 'engine.type Custom needs engine.image: name the image to run' },
    ),
  )
  .describe('How it is computed.');

const gpu = z
  .object({
    resource: text(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 128, 'write an extended resource such as nvidia.com/gpu')
      .default('nvidia.com/gpu')
      .describe('The extended resource that the device plugin offers.'),
    count: int32(1, 64).default(1).describe('GPUs for one replica.'),
  })
  .describe('GPUs of one replica.');

const claim = z
  .object({
    name: dnsLabel.describe('Name of the claim in the pod.'),
    resourceClaimName: objectName.describe('A ResourceClaim of the namespace: all replicas share it.').exactOptional(),
    resourceClaimTemplateName: objectName
      .describe('A ResourceClaimTemplate of the namespace: every replica gets a claim of its own.')
      .exactOptional(),
    request: dnsLabel
      .describe('The request of the claim whose devices the worker gets; those of all its requests when not given.')
      .exactOptional(),
  })
  .meta(
    rules({
      rule: 'has(self.resourceClaimName) != has(self.resourceClaimTemplateName)',
      message: 'name either a resourceClaimName or a resourceClaimTemplateName',
    }),
  );

const resources = z
  .object({
    gpu: gpu.exactOptional(),
    requests: z.record(z.string(), quantity).meta({ maxProperties: 32 }).describe('As in a container.').exactOptional(),
    limits: z.record(z.string(), quantity).meta({ maxProperties: 32 }).describe('As in a container.').exactOptional(),
    sharedMemory: quantity
      .describe('Size of `/dev/shm`, for engines that are spread over GPUs; it counts against the memory limit. 64 MiB when not given.')
      .exactOptional(),
    claims: z
      .array(claim)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Devices by dynamic resource allocation (resource.k8s.io), instead of `gpu` or beside it.')
      .exactOptional(),
  })
  .describe('What one replica needs.');

const placement = z
  .object({
    nodeSelector: stringMap(253).describe('As in a pod.').exactOptional(),
    tolerations: z.array(toleration).max(64).meta({ 'x-kubernetes-list-type': 'atomic' }).describe('As in a pod.').exactOptional(),
    affinity: affinity.describe('As in a pod.').exactOptional(),
    priorityClassName: objectName.describe('As in a pod.').exactOptional(),
    runtimeClassName: objectName.describe('As in a pod.').exactOptional(),
    topologySpread: z.boolean().default(true).describe('Spread replicas over nodes where that is possible.'),
  })
  .describe('Where replicas run.');

const cache = z
  .object({
    type: z
      .enum(['PersistentVolumeClaim', 'Ephemeral', 'HostPath'])
      .default('Ephemeral')
      .describe(
        'Where fetched files are kept. HostPath is the directory `/var/cache/modelfleet` of the node: user 65532 must be able to write there, and the namespace must not enforce the Pod Security Standard baseline or restricted.',
      ),
    size: quantity.describe('Size of the volume; that of a claim cannot change here.').exactOptional(),
    storageClassName: objectName.describe("Class of the claim; the cluster's default when not given.").exactOptional(),
    accessMode: z
      .enum(['ReadWriteOnce', 'ReadWriteMany'])
      .describe(
        'How nodes may use the claim. ReadWriteMany when the deployment is made with more than one replica, else ReadWriteOnce; replicas of a ReadWriteOnce claim are put on one node where that is possible.',
      )
      .exactOptional(),
  })
  .meta(
    rules(
      {
        rule: "!has(self.storageClassName) || self.type == 'PersistentVolumeClaim'",
        message: 'cache.storageClassName goes with cache.type PersistentVolumeClaim: remove it or change the type',
      },
      {
        rule: "self.type != 'PersistentVolumeClaim' || has(self.size)",
        message: 'cache.type PersistentVolumeClaim needs cache.size: say how large the claim is, such as 50Gi',
      },
      {
        rule: "!has(self.accessMode) || self.type == 'PersistentVolumeClaim'",
        message: 'cache.accessMode goes with cache.type PersistentVolumeClaim: remove it or change the type',
      },
      { rule: 'self.type == oldSelf.type', message: 'cache.type cannot change: create another ModelDeployment' },
      {
        rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
        message: 'cache.storageClassName cannot change: create another ModelDeployment',
      },
      {
        rule: 'has(self.accessMode) == has(oldSelf.accessMode) && (!has(self.accessMode) || self.accessMode == oldSelf.accessMode)',
        message: 'cache.accessMode cannot change: create another ModelDeployment',
      },
      {
        rule: "self.type != 'PersistentVolumeClaim' || (has(self.size) == has(oldSelf.size) && (!has(self.size) || self.size == oldSelf.size))",
        message:
          'cache.size of a claim cannot change: expand the claim itself where its class allows that, or create another ModelDeployment',
      },
    ),
  )
  .describe('The cache of fetched model files.');

const scaling = z
  .object({
    minReplicas: int32(0, 1000).default(1).describe('Fewest replicas; 0 lets an idle model go.'),
    maxReplicas: int32(1, 1000).describe('Most replicas.'),
    targetRequestsPerReplica: int32(1, 100_000).default(8).describe('Requests in the system (held, queued and running) for each replica.'),
    targetKVCacheUsage: text(
      /^(0\.0{0,3}[1-9][0-9]{0,3}|1(\.0{1,4})?)$/,
      6,
      'write a share of the KV cache above 0 and up to 1, in quotes, such as "0.8"',
    )
      .describe('Share of the KV cache that may be in use, as a mean over the replicas. The largest of the wanted replica counts wins.')
      .exactOptional(),
    targetTimeToFirstToken: duration
      .describe('Mean time from request to first token, waiting included, above which replicas are added. The largest count wins.')
      .exactOptional(),
    idleTimeout: duration.default('10m').describe('Silence after which the model goes to zero, when minReplicas is 0.'),
    behavior: scalingBehavior
      .describe(
        'As `behavior` of an autoscaling/v2 HorizontalPodAutoscaler; what is left out is as suits models: up at once, down after five minutes or twice the time of a load.',
      )
      .exactOptional(),
  })
  .meta(
    rules(
      {
        rule: 'self.minReplicas <= self.maxReplicas',
        message: 'scaling.minReplicas is above scaling.maxReplicas: lower the one or raise the other',
      },
      {
        rule: "!has(self.targetTimeToFirstToken) || self.targetTimeToFirstToken.matches('[1-9]')",
        message: 'scaling.targetTimeToFirstToken must be longer than nothing: write a duration such as 2s, or leave it out',
      },
    ),
  )
  .describe('Scales the replicas with the load. Without it `replicas` stays as it is set.');

/** How requests are admitted and answered: read by the gateway, never by the worker. */
export const serving = z
  .object({
    names: z
      .array(
        text(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, 128, 'use letters, digits and . _ : / - in public names, beginning with a letter or digit'),
      )
      .min(1)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe('Public model ids. The name of the object when not given; `namespace/name` always works.')
      .exactOptional(),
    maxConcurrencyPerReplica: int32(1, 4096).default(8).describe('Most requests that the gateway has at one replica at once.'),
    balancing: z
      .enum(['LeastLoad', 'PrefixAffinity'])
      .default('LeastLoad')
      .describe(
        'Which free replica gets a request: the one with the fewest tokens in flight, or the one that had requests of the same session or with the same beginning, unless it has far more than the others.',
      ),
    maxQueue: int32(0, 100_000).default(256).describe('Most requests that wait at one gateway for a free replica.'),
    maxQueueTokens: int32(1, 2_147_483_647)
      .describe('Most tokens, prompts and the answers they ask for, that wait at one gateway for a free replica. No bound when not given.')
      .exactOptional(),
    queueTimeout: duration.default('60s').describe('Longest wait for a free replica while there are some that are ready.'),
    holdTimeout: duration
      .default('60s')
      .describe(
        'Longest wait while no replica is ready: the model is woken or loads. A streaming caller who asks for heartbeats may wait as long as `requestTimeout`.',
      ),
    firstTokenTimeout: duration.default('60s').describe('Longest wait for the first byte of an answer.'),
    idleStreamTimeout: duration.default('30s').describe('Longest silence within a streamed answer.'),
    requestTimeout: duration.default('10m').describe('Longest time that a request may take in all.'),
    defaults: z
      .object({
        temperature: z.number().min(0).max(2).describe('Used when a request gives none.').exactOptional(),
        topP: z.number().min(0).max(1).describe('Used when a request gives none.').exactOptional(),
      })
      .describe('Sampling parameters for requests that give none.')
      .exactOptional(),
    maxOutputTokens: int32(1, 16_777_216).describe('Most tokens of an answer, whatever the request asks for.').exactOptional(),
    systemPrompt: z.string().max(65_536).describe('Put before the messages of a chat that has no system message.').exactOptional(),
    cache: z
      .object({ ttl: duration.describe('How long an answer may be given again.') })
      .describe('Answers to identical deterministic requests are kept.')
      .exactOptional(),
  })
  .describe('How the gateway serves it.');

const rollout = z
  .object({
    strategy: z
      .enum(['RollingUpdate', 'Recreate'])
      .default('RollingUpdate')
      .describe('Recreate ends all old replicas before it starts new ones.'),
    maxSurge: int32(0, 1000).default(1).describe('Replicas above `replicas` during a rollout.'),
    maxUnavailable: int32(0, 1000).default(0).describe('Replicas that may be missing during a rollout.'),
    noProgressTimeout: duration
      .default('5m')
      .describe('A replica that makes no progress for this long is Stalled. There is no limit on the total time.'),
    drainTimeout: duration.default('5m').describe('How long a replica may finish its requests before it ends.'),
    revisionHistoryLimit: int32(0, 100).default(10).describe('Former revisions without replicas that are kept for a rollback.'),
  })
  .meta(
    rules({
      rule: "self.strategy == 'Recreate' || self.maxSurge > 0 || self.maxUnavailable > 0",
      message: 'with rollout.maxSurge and rollout.maxUnavailable both 0 a rollout cannot move: raise one of them',
    }),
  )
  .describe('How replicas are replaced.');

export const health = z
  .object({
    wedgeTimeout: duration.default('60s').describe('A request that runs this long without a token means that the engine is wedged.'),
    restartOnWedge: z
      .boolean()
      .default(true)
      .describe(
        'Replace a replica whose engine is wedged by what gateways hear; the worker itself restarts an engine that it finds wedged.',
      ),
  })
  .describe('When an engine counts as broken.');

const template = z
  .object({
    metadata: z
      .object({
        labels: stringMap(63)
          .meta(
            rules({
              rule: "self.all(key, !key.startsWith('modelfleet.dev/') && !(key in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/managed-by']))",
              message:
                'labels modelfleet.dev/* and app.kubernetes.io/name, instance, component and managed-by are set by the operator: leave them out',
            }),
          )
          .describe('Labels of the pod.')
          .exactOptional(),
        annotations: stringMap(65_536, 64)
          .meta(
            rules({
              rule: "self.all(key, !key.startsWith('modelfleet.dev/') && !(key in ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'karpenter.sh/do-not-disrupt']))",
              message:
                'annotations modelfleet.dev/*, cluster-autoscaler.kubernetes.io/safe-to-evict and karpenter.sh/do-not-disrupt are set by the operator: leave them out',
            }),
          )
          .describe('Annotations of the pod.')
          .exactOptional(),
      })
      .describe('Labels and annotations of the pod, beside those of the operator.')
      .exactOptional(),
    spec: podSpecPatch
      .describe(
        'A part of a pod spec, merged by the rules of a strategic merge patch: containers, volumes and variables by name, ports by number, mounts by path; other lists are replaced. The container `worker` is the one of the operator.',
      )
      .exactOptional(),
  })
  .describe('Changes the pod of every replica, where no other field of the spec does: see docs/concepts/pods.md.');

export const modelDeploymentSpec = z
  .object({
    model,
    engine: engine.prefault({}),
    resources: resources.prefault({}),
    placement: placement.prefault({}),
    cache: cache.prefault({}),
    template: template.exactOptional(),
    replicas: int32(0, 1000).default(1).describe('How many replicas run. Owned by the autoscaler when `scaling` is set.'),
    scaling: scaling.exactOptional(),
    serving: serving.prefault({}),
    rollout: rollout.prefault({}),
    health: health.prefault({}),
    suspend: z.boolean().default(false).describe('End all replicas and keep the object.'),
  })
  .meta(
    rules(
      {
        rule: "self.engine.device != 'CPU' || !has(self.resources.gpu)",
        message: 'engine.device CPU uses no GPU: remove resources.gpu or choose another device',
      },
      {
        rule: '!has(self.engine.tuning) || !has(self.engine.tuning.tensorParallel) || self.engine.tuning.tensorParallel == 1 || has(self.resources.claims) || (has(self.resources.gpu) && self.engine.tuning.tensorParallel <= self.resources.gpu.count)',
        message: 'engine.tuning.tensorParallel needs as many GPUs: raise resources.gpu.count or lower tensorParallel',
      },
      {
        rule: "!has(self.resources.claims) || has(self.resources.gpu) || self.engine.device != 'Auto'",
        message: 'engine.device Auto cannot see what resources.claims give: choose CPU, CUDA, Vulkan or WebGPU',
      },
    ),
  )
  .describe('What is wanted.');
