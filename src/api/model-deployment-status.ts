import { z } from 'zod';
import { replicaPhases } from '../core/phases.ts';
import { int32 } from './fields.ts';

const modelDeploymentPhases = ['Pending', 'Loading', 'Ready', 'Degraded', 'ScaledToZero', 'Suspended', 'Failed', 'Terminating'] as const;

const conditionTypes = [
  'Accepted',
  'ArtifactsReady',
  'CapacityReady',
  'Loaded',
  'Ready',
  'RouteReady',
  'ScalingActive',
  'Progressing',
  'Degraded',
  'Stalled',
] as const;

const instant = z.string().max(64).meta({ format: 'date-time' });
const count = int32(0, 2_147_483_647);
const bytes = z.int().min(0).meta({ format: 'int64' });
const percent = int32(0, 100);
const phase = z.enum(replicaPhases);
const short = z.string().max(253);
const message = z.string().max(4096);

/**
 * Only the controller writes these, and always all of them: owning each field by itself would double the size of the object,
 * and with it what every write costs the API server.
 */
const whole = { 'x-kubernetes-map-type': 'atomic' };

const condition = z.object({
  type: z.string().max(316).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).max(1024).describe('One word for why, for programs.'),
  message: z.string().max(32_768).describe('Why, for people.'),
  observedGeneration: bytes.describe('The generation of the object that this is about.').exactOptional(),
  lastTransitionTime: instant.describe('When `status` last changed.'),
});

const loading = z.object({
  phase: phase.describe('Phase of the slowest replica that counts.'),
  percent: percent.describe('How far the whole way to Ready has been gone.'),
  bytesDone: bytes.describe('Bytes fetched or read in this phase.').exactOptional(),
  bytesTotal: bytes.describe('Bytes of this phase in all.').exactOptional(),
  bytesPerSecond: bytes.describe('Current speed.').exactOptional(),
  etaSeconds: bytes.nullable().describe('Seconds until Ready; null when unknown, never invented.').exactOptional(),
  slowestReplica: short.describe('The replica that governs these values.').exactOptional(),
  startedAt: instant.describe('When that replica began.').exactOptional(),
  lastProgressAt: instant.describe('When it last got further.').exactOptional(),
});

const replicaStatus = z.object({
  name: short.describe('Name of the pod.'),
  node: short.describe('Node that it runs on.').exactOptional(),
  revision: short.describe('Revision of the spec that it was made from.').exactOptional(),
  phase: phase.describe('Phase on its way to Ready, or Draining, Stalled, Failed.'),
  percent: percent.describe('How far the whole way to Ready has been gone.'),
  etaSeconds: bytes.nullable().describe('Seconds until Ready; null when unknown.').exactOptional(),
  restarts: count.describe('How often its container was started again.'),
  reason: z.string().max(253).describe('One word for what is wrong.').exactOptional(),
  message: message.describe('What is wrong and what to do, with the last words of the engine.').exactOptional(),
});

const scaling = z.object({
  metric: short.describe('What is measured.'),
  value: bytes.describe('Requests in the system.'),
  perReplica: z.string().max(32).describe('The same for each replica.'),
  desired: count.describe('Replicas that the autoscaler wants.'),
  limitedBy: short.describe('What keeps it from more or fewer.').exactOptional(),
  observedAt: instant.describe('When it was measured.'),
});

const milliseconds = bytes.describe('Milliseconds that it took, the newest loads counting most.').exactOptional();

const loadTimes = z.object({
  nodeClass: short.describe('Kind of node; `unknown` where a node does not tell its own.'),
  model: short.describe('Hash over the files that were loaded and the engine that did it.'),
  loads: count.describe('Loads that this was learned from.'),
  learnedAt: instant.describe('When the newest of them ended.'),
  milliseconds: z
    .object({
      Scheduled: milliseconds,
      PullingImage: milliseconds,
      Fetching: milliseconds,
      Verifying: milliseconds,
      LoadingWeights: milliseconds,
      Compiling: milliseconds,
      WarmingUp: milliseconds,
    })
    .describe('How long each phase took. Waiting for a node is left out: it says nothing about the next load.'),
});

const failure = z.object({
  reason: z.string().max(253).describe('One word for what went wrong.'),
  message: message.describe('What went wrong and what to do, as it was first seen.'),
  firstSeenAt: instant.describe('When it was first seen.'),
});

const columns = z.object({
  ready: z.string().max(32).describe('Ready and wanted replicas, `1/2`.'),
  load: z.string().max(32).describe('How far loading is and in which phase, `73% LoadingWeights`; `-` when nothing loads.'),
  eta: z.string().max(32).describe('Time until Ready, `41s`; `-` when nothing loads, `?` when unknown.'),
  queue: count.describe('Requests that wait at gateways and replicas.'),
  nodeClass: short.describe('Kind of node that the replicas run on.').exactOptional(),
});

export const modelDeploymentStatus = z
  .object({
    observedGeneration: bytes.describe('The generation that this status is about.').exactOptional(),
    phase: z.enum(modelDeploymentPhases).describe('Summary for people, never an input.').exactOptional(),
    replicas: count.describe('Replicas that exist.').exactOptional(),
    readyReplicas: count.describe('Replicas that can serve.').exactOptional(),
    updatedReplicas: count.describe('Replicas of the current revision.').exactOptional(),
    selector: z.string().max(1024).describe('Label selector of the pods; a HorizontalPodAutoscaler reads it.').exactOptional(),
    revision: short.describe('The current revision: a hash over what changes a pod.').exactOptional(),
    loadedRevision: short
      .describe('The last revision of which all replicas were loaded: what serves while a newer one is rolled out.')
      .exactOptional(),
    endpoint: z.string().max(1024).describe('Address of the OpenAI API that serves the model.').exactOptional(),
    models: z
      .array(z.string().max(128))
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Model ids that requests may use.')
      .exactOptional(),
    loading: loading.meta(whole).describe('Progress of the slowest replica that counts; absent when all are loaded.').exactOptional(),
    replicaStatuses: z
      .array(replicaStatus)
      .max(32)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('One entry a replica, slowest first, at most 32.')
      .exactOptional(),
    scaling: scaling.meta(whole).describe('What the autoscaler saw last.').exactOptional(),
    loadTimes: z
      .array(loadTimes)
      .max(8)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('How long earlier loads took on each kind of node: what the time left is told from before any byte moves.')
      .exactOptional(),
    failures: z
      .array(failure)
      .max(8)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe(
        'What went wrong with the current revision, each reason once, the newest last; forgotten ten minutes after all were loaded.',
      )
      .exactOptional(),
    conditions: z
      .array(condition)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
      .describe(`Conditions: ${conditionTypes.join(', ')}.`)
      .exactOptional(),
    columns: columns.meta(whole).describe('Text for the columns of `kubectl get`; not for programs.').exactOptional(),
  })
  .describe('What is. Written by the controller.');
