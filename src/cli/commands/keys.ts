import { Command } from 'commander';
import { tenantResource } from '../../api/resources.ts';
import type { Tenant, TenantKey } from '../../api/tenant.ts';
import { generateApiKey, hashApiKey } from '../../core/api-keys.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeClient, loadKubeConfig, resourceType } from '../../kube/index.ts';

const tenants = resourceType<Tenant>(tenantResource);
const maxTries = 5;

type Options = { readonly name?: string; readonly expiresAt?: string; readonly kubeconfig?: string; readonly context?: string };

/** `modelfleet keys create TENANT`: makes an API key, stores its hash in the Tenant and prints the key once. */
export function keysCommand(): Command {
  const create = new Command('create')
    .description('make an API key of a tenant and print it, once; the tenant is made when it is not there')
    .argument('<tenant>', 'name of the Tenant')
    .option('--name <key>', 'name of the key within the tenant; a new one unless given')
    .option('--expires-at <instant>', 'refuse the key from then on, for example 2027-01-31T00:00:00Z')
    .option('--kubeconfig <file>', 'kubeconfig; else KUBECONFIG, the pod’s service account or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .action(createKey);
  return new Command('keys').description('API keys of tenants').addCommand(create);
}

async function createKey(tenant: string, options: Options): Promise<void> {
  const config = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const client = KubeClient.fromKubeConfig(config, { fieldManager: 'modelfleet-keys' });
  try {
    const key = generateApiKey();
    await addKey(client, tenant, {
      name: options.name ?? `key-${Date.now().toString(36)}`,
      hash: hashApiKey(key),
      ...(options.expiresAt !== undefined && { expiresAt: options.expiresAt }),
    });
    console.log(key);
  } finally {
    await client.close();
  }
}

/** Adds the key under optimistic concurrency, so that two people at once lose none. */
async function addKey(client: KubeClient, name: string, key: TenantKey): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const tenant = await client.get(tenants, { name }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (!tenant) await client.create(tenants, { metadata: { name }, spec: { keys: [key] } });
      else await client.update(tenants, withKey(tenant, key));
      return;
    } catch (error) {
      if (!(isConflict(error) || isAlreadyExists(error)) || attempt === maxTries) throw error;
    }
  }
}

function withKey(tenant: Tenant, key: TenantKey): Tenant {
  const keys = tenant.spec.keys ?? [];
  if (keys.some(({ name }) => name === key.name)) throw new Error(`Tenant ${tenant.metadata.name} has a key named ${key.name} already.`);
  return { ...tenant, spec: { ...tenant.spec, keys: [...keys, key] } };
}
