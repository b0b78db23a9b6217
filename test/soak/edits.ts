import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { ApiError, ConnectionError, type KubeClient, pods } from '../../src/kube/index.ts';
import type { Chance } from './chance.ts';
import { namespace } from './world.ts';

/** The deployments of the soak: each strategy, with and without room for a surge. */
export const rollouts: Readonly<Record<string, ModelDeploymentSpec['rollout']>> = {
  surge: { maxSurge: 1, maxUnavailable: 0 },
  wide: { maxSurge: 3, maxUnavailable: 1 },
  'no-room': { maxSurge: 0, maxUnavailable: 1 },
  recreate: { strategy: 'Recreate' },
};

type Edit = (client: KubeClient, name: string, chance: Chance) => Promise<unknown>;

// Scaling and changing are what happens most; deletions are as frequent as creations can make up for.
const kinds = [
  'scale',
  'scale',
  'change',
  'change',
  'change twice',
  'suspend',
  'delete',
  'create',
  'create',
  'delete a pod',
  'fail a pod',
] as const;

const edits: Readonly<Record<(typeof kinds)[number], Edit>> = {
  scale: (client, name, chance) => patch(client, name, { replicas: chance.whole(0, 6) }),
  change: (client, name, chance) => patch(client, name, { model: { contextLength: 1_024 * chance.whole(1, 64) } }),
  'change twice': async (client, name, chance) => {
    for (let times = 0; times < 2; times++) await patch(client, name, { model: { contextLength: 1_024 * chance.whole(1, 64) } });
  },
  suspend: (client, name, chance) => patch(client, name, { suspend: chance.next() < 0.4 }),
  delete: (client, name) => client.delete(modelDeployments, { namespace, name }),
  create: (client, name, chance) => createDeployment(client, name, chance),
  'delete a pod': (client, name, chance) => onPod(client, name, chance, (pod) => client.delete(pods, { namespace, name: pod })),
  'fail a pod': (client, name, chance) =>
    onPod(client, name, chance, (pod) =>
      client.mergePatch(pods, { namespace, name: pod }, { status: { phase: 'Failed', reason: 'Evicted' } }, { subresource: 'status' }),
    ),
};

/** Makes one random edit. Answers what it was; an edit that a fault prevented is none. */
export async function editSomething(client: KubeClient, chance: Chance): Promise<string> {
  const [kind, name] = [chance.pick(kinds), chance.pick(Object.keys(rollouts))];
  try {
    await edits[kind](client, name, chance);
    return `${kind} ${name}`;
  } catch (error) {
    if (error instanceof ApiError || error instanceof ConnectionError) return `${kind} ${name} (not done: ${error.message})`;
    throw error;
  }
}

/** Makes a deployment; an error when it is there. */
export async function createDeployment(client: KubeClient, name: string, chance: Chance): Promise<void> {
  const spec: ModelDeploymentSpec = {
    model: { source: `https://models.example.com/${name}.gguf` },
    engine: { device: 'CPU' },
    replicas: chance.whole(1, 4),
    rollout: { ...rollouts[name], drainTimeout: '20s' },
  };
  await client.create(modelDeployments, { metadata: { namespace, name }, spec });
}

function patch(
  client: KubeClient,
  name: string,
  spec: Partial<Omit<ModelDeploymentSpec, 'model'>> & { model?: { contextLength: number } },
) {
  return client.request('PATCH', `/apis/modelfleet.dev/v1alpha1/namespaces/${namespace}/modeldeployments/${name}`, {
    body: { spec },
    contentType: 'application/merge-patch+json',
  });
}

async function onPod(client: KubeClient, name: string, chance: Chance, act: (pod: string) => Promise<unknown>): Promise<void> {
  const { items } = await client.list(pods, { namespace, labelSelector: `modelfleet.dev/model=${name}` });
  if (items.length > 0) await act(chance.pick(items).metadata.name);
}
