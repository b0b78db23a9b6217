import { spawn } from 'node:child_process';
import { devNull, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { layerBinariesRun, layerBinary } from './layer-binary.ts';
import { type ProgramResult, programResult } from './run-program.ts';

export type HelmVersion = 4 | 3;
export type HelmOptions = {
  /** 4 unless told. */
  readonly version?: HelmVersion;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
};

/** The packages carry binaries for this platform alone. */
export const helmRuns = layerBinariesRun;

const layers = { 4: 'v35', 3: 'v33' } as const;
/** Runs Helm to its end, with no cluster when `kubeconfig` is undefined. A failing Helm is a result, not an error. */
export async function helm(kubeconfig: string | undefined, args: readonly string[], options: HelmOptions = {}): Promise<ProgramResult> {
  // Plugins, repositories and settings of whoever runs the tests must not matter.
  const home = join(kubeconfig === undefined ? tmpdir() : dirname(kubeconfig), 'modelfleet-helm');
  const child = spawn(await layerBinary(layers[options.version ?? 4], 'helm'), args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      HELM_CACHE_HOME: home,
      HELM_CONFIG_HOME: home,
      HELM_DATA_HOME: home,
      KUBECONFIG: kubeconfig ?? devNull,
      ...options.env,
    },
    ...(options.signal && { signal: options.signal }),
  });
  return programResult(child, options.stdin);
}
