import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { cacheDirectory, mountedSource } from './volumes.ts';
import { deviceOf } from './worker-image.ts';

/** What the agent calls the engines that it looks after. */
const engineNames = { Worker: 'llama', VLLM: 'vllm', LlamaServer: 'llama-server', Custom: 'custom' } as const;

/**
 * The command line of the worker: every flag that `modelfleet worker` takes, then the user's own arguments, which win.
 * For a program that the agent starts, these are the program's: they come after `--`.
 */
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
    ...flag('--engine', engineNames[engine.type]),
    ...flag('--device', deviceOf(spec)),
    ...flag('--max-sequences', engine.tuning?.maxSequences),
    ...flag('--cache-dir', cacheDirectory),
    ...flag('--drain-timeout', rollout.drainTimeout),
    ...flag('--wedge-timeout', health.wedgeTimeout),
    ...(engine.type === 'Worker' ? [] : ['--']),
    ...(engine.args ?? []),
  ];
}

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}
