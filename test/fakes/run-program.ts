import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** How a program ended and what it said. */
export type ProgramResult = { readonly stdout: string; readonly stderr: string; readonly code: number };

/** Waits for the end of a started program. A failing program is a result, not an error. */
export async function programResult(child: ChildProcessByStdio<Writable, Readable, Readable>, stdin = ''): Promise<ProgramResult> {
  // A program that ends without reading all of its input is judged by how it ends.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}
