import { randomUUID } from 'node:crypto';
import type { ApiContext } from './context.ts';
import { admit } from './handlers/admission.ts';
import { timestamp } from './handlers/options.ts';
import { held } from './namespaces.ts';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Makes the namespaces that every cluster has. */
export async function bootstrapNamespaces(context: ApiContext): Promise<void> {
  const definition = context.registry.find('', 'v1', 'namespaces');
  if (!definition) return;
  await Promise.all(
    namespaces.map((name) =>
      context.store.write('/namespaces', name, (current) => {
        if (current) return { op: 'none' };
        const metadata = { name, uid: randomUUID(), creationTimestamp: timestamp(context.clock.now()) };
        const object = { apiVersion: 'v1', kind: 'Namespace', metadata };
        return { op: 'put', object: held(admit(definition, { operation: 'CREATE', object, fieldValidation: 'Ignore' }).object) };
      }),
    ),
  );
}
