import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelfleet');

/** Where built and unpacked programs are kept, one folder a version. */
export const binariesFolder = join(cache, 'cluster-binaries');

/** All that a cluster started from the command line keeps: certificates, logs, data, images. On a normal disk, because pods' volumes lie here. */
export function stateFolder(kind: 'one-node' | 'control-plane'): string {
  return join(cache, 'cluster', kind);
}

/** The node's sockets. Short, because the path of a unix socket holds 107 bytes at most and containerd adds to it. */
export const socketsFolder = '/run/modelfleet-node';
