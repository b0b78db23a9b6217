import { readdirSync, readFileSync } from 'node:fs';

/** Processes of a pod of our one-node cluster, which all run on this machine. */
export function processesOf(pod: string): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && told(name, 'environ').split('\0').includes(`HOSTNAME=${pod}`))
    .map((name) => ({ pid: Number(name), command: told(name, 'cmdline').replaceAll('\0', ' ').trim() }));
}

/** Signals the engine of a worker pod, which is a process beside its agent. */
export function signalEngine(pod: string, signal: NodeJS.Signals): void {
  const engines = processesOf(pod).filter(({ command }) => /\/child\.m?[jt]s/.test(command));
  if (engines.length !== 1) throw new Error(`pod ${pod} has ${engines.length} engine processes`);
  for (const { pid } of engines) process.kill(pid, signal);
}

function told(pid: string, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''; // gone meanwhile
    throw error;
  }
}
