import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

/** A `modelfleet` command that runs in a process of its own; `output` is what it has said so far, on both streams. */
export type RunningCommand = { readonly child: ChildProcess; output(): string };

/** Starts the program as a user would. */
export function startModelfleet(...argv: string[]): RunningCommand {
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

/** Writes a kubeconfig for a plain HTTP server of a test; answers its path. */
export async function writeTestKubeconfig(folder: string, url: string): Promise<string> {
  const path = join(folder, 'kubeconfig');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: url } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  await writeFile(path, JSON.stringify(kubeconfig));
  return path;
}
