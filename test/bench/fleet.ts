import { customResourceDefinitions } from '../../src/api/crd/definitions.ts';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { annotations, labels, modelDeploymentResource, tenantResource } from '../../src/api/resources.ts';
import type { Tenant } from '../../src/api/tenant.ts';
import { generateApiKey, hashApiKey } from '../../src/core/api-keys.ts';
import { type KubeClient, pods, resourceType } from '../../src/kube/index.ts';
import { applyManifest, parseManifest } from '../../src/local/manifests.ts';

type Serving = NonNullable<ModelDeployment['spec']['serving']>;

/** Bounds that no benchmark meets. */
const wide: Serving = { maxConcurrencyPerReplica: 1024, maxQueue: 1024 };

/** One of each kind, as a tenant of a real fleet has, and none that a benchmark reaches. */
const limits: NonNullable<Tenant['spec']['limits']> = {
  requestsPerMinute: 1_000_000_000,
  tokensPerMinute: 1_000_000_000,
  concurrency: 1_000_000,
  tokensPerDay: 1_000_000_000_000_000,
};

/** Puts a model with a ready replica at each of the origins into the cluster, and a tenant with limits; answers the tenant's key. */
export async function publishModel(client: KubeClient, name: string, origins: string | readonly string[], serving = wide): Promise<string> {
  for (const [file, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(client, parseManifest(definition, file), { fieldManager: 'bench', force: true });

  const key = generateApiKey();
  await client.create(resourceType<Tenant>(tenantResource), {
    metadata: { name: `bench-${name}` },
    spec: { keys: [{ name: 'bench', hash: hashApiKey(key) }], limits },
  });
  await client.create(resourceType<ModelDeployment>(modelDeploymentResource), {
    metadata: { name, namespace: 'default' },
    spec: { model: { source: 'file:///models/none.gguf' }, serving },
  });
  for (const [index, origin] of [origins].flat().entries()) await publishReplica(client, name, index, origin);
  return key;
}

async function publishReplica(client: KubeClient, model: string, index: number, origin: string): Promise<void> {
  const { hostname, port } = new URL(origin);
  const pod = await client.create(pods, {
    metadata: {
      name: `${model}-${index}`,
      namespace: 'default',
      labels: { [labels.model]: model },
      annotations: { [annotations.ports]: JSON.stringify({ http: Number(port), management: Number(port) }) },
    },
    spec: { nodeName: 'bench', containers: [{ name: 'worker', image: 'mock' }] },
  });
  const status = { phase: 'Running', podIP: hostname, conditions: [{ type: 'Ready', status: 'True' }] };
  await client.update(pods, { ...pod, status }, { subresource: 'status' });
}
