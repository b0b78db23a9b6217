import { writeFileSync } from 'node:fs';

/** Not Linux, or not ours to say: then the kernel chooses. */
const forgiven = new Set(['ENOENT', 'EACCES', 'EPERM', 'EROFS']);

/** Lets the kernel end this process first when the memory of its container is used up: the agent lives on and tells what happened. */
export function dieFirstWithoutMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch (error) {
    if (!forgiven.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
