import { existsSync, readFileSync } from 'node:fs';

const file = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** The namespace of the pod that this process runs in; undefined outside of a cluster. */
export function podNamespace(): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}
