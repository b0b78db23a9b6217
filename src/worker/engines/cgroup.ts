import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Reads a small file of the control group file system; undefined when it is not there. */
export type ReadFile = (path: string) => string | undefined;

const root = '/sys/fs/cgroup';

/** CPU time that the container may use, in cores, or undefined when it is not limited. cgroup v2 (`cpu.max`), else v1 (CFS quota). */
export function cpuLimit(read: ReadFile = readIfThere): number | undefined {
  const [quota, period] = read(`${root}/cpu.max`)?.trim().split(/\s+/) ?? [
    read(`${root}/cpu/cpu.cfs_quota_us`)?.trim(),
    read(`${root}/cpu/cpu.cfs_period_us`)?.trim(),
  ];
  const cores = Number(quota) / Number(period);
  return Number.isFinite(cores) && cores > 0 ? cores : undefined;
}

/** Memory that the container may use, in bytes, or undefined when it is not limited. */
export function memoryLimit(read: ReadFile = readIfThere): number | undefined {
  const text = read(`${root}/memory.max`) ?? read(`${root}/memory/memory.limit_in_bytes`);
  const bytes = Number(text?.trim());
  // v1 writes "no limit" as a number near 2^63.
  return Number.isFinite(bytes) && bytes > 0 && bytes < 2 ** 60 ? bytes : undefined;
}

/** How often the kernel has ended a process of the container because its memory was used up; undefined when nobody counts. */
export function oomKills(read: ReadFile = readIfThere): number | undefined {
  const text = read(`${root}/memory.events`) ?? read(`${root}/memory/memory.oom_control`);
  const [, count] = /^oom_kill (\d+)$/m.exec(text ?? '') ?? [];
  return count === undefined ? undefined : Number(count);
}

/**
 * Threads to compute with: one core of the container's limit stays for Node, at least one thread computes.
 * ggml's threads spin at barriers, so that a thread without a core of its own stops all: on two cores beside other work,
 * SmolLM2 was measured at 48 tokens/s with one thread and at 2 to 7 with two.
 */
export function computeThreads(cores = availableParallelism(), limit = cpuLimit()): number {
  return Math.max(1, Math.floor(Math.min(cores, limit ?? cores)) - 1);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not Linux, no such controller, or the other cgroup version
  }
}
