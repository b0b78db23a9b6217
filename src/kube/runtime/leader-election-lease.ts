import { isNotFound } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { CallOptions } from '../client/options.ts';
import { type Lease, leases } from '../client/resources.ts';

/** One Lease object, as leader election uses it. */
export type LeaseStore = {
  /** `namespace/name`, for messages. */
  readonly key: string;
  /** The newest state; undefined when it does not exist. */
  read(call: CallOptions): Promise<Lease | undefined>;
  create(spec: Lease['spec'], call: CallOptions): Promise<Lease>;
  /** A conflict when `lease` is not the newest version. */
  update(lease: Lease, call: CallOptions): Promise<Lease>;
  /** Its states from now on, undefined when it is deleted; ends or throws when the line breaks. */
  watch(signal: AbortSignal): AsyncIterable<Lease | undefined>;
};

/** The Lease of a cluster. Needs the verbs get, create, update, and watch for a takeover without delay. */
export function leaseStore(client: KubeClient, ref: { readonly namespace: string; readonly name: string }): LeaseStore {
  return {
    key: `${ref.namespace}/${ref.name}`,
    async read(call) {
      try {
        return await client.get(leases, ref, call);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    create: (spec, call) => client.create(leases, { metadata: ref, ...(spec && { spec }) }, call),
    update: (lease, call) => client.update(leases, lease, call),
    async *watch(signal) {
      const selection = { namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}` };
      for await (const event of client.watch(leases, selection, signal)) {
        if (event.type === 'DELETED') yield undefined;
        if (event.type === 'ADDED' || event.type === 'MODIFIED') yield event.object;
      }
    },
  };
}
