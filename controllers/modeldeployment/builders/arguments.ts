import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { cacheDirectory, mountedSource } from './volumes.ts';
import { deviceOf } from './worker-image.ts';

/** The command line of the worker: every flag that `modelfleet worker` takes, then the user's own arguments, which win. */
export function workerArguments(name: string, spec: ResolvedSpec): string[] {
  const { model, engine, rollout, health } = spec;
  const source = mountedSource(model.source)?.uri ?? model.source;
  return [
    'worker',
    ...flag('--name', name),
    ...flag('--source', source),
    ...(model.files ?? []).flatMap((file) => flag('--file', file)),
    ...Object.entries(model.checksums ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1)) // maps have no order: the revision must not depend on one
      .flatMap(([file, checksum]) => flag('--checksum', `${file}=${checksum}`)),
    ...flag('--context-length', model.contextLength),
    ...flag('--engine', 'llama'),
    ...flag('--device', deviceOf(spec)),
    ...flag('--max-sequences', engine.tuning?.maxSequences),
    ...flag('--cache-dir', cacheDirectory),
    ...flag('--drain-timeout', rollout.drainTimeout),
    ...flag('--wedge-timeout', health.wedgeTimeout),
    ...(engine.args ?? []),
  ];
}

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}
