import { expect, test } from 'vitest';
import { computeThreads, cpuLimit, memoryLimit, oomKills } from './cgroup.ts';

const files = (content: Record<string, string>) => (path: string) => content[path.replace('/sys/fs/cgroup/', '')];

test.each([
  ['v2, two and a half cores', { 'cpu.max': '250000 100000\n' }, 2.5],
  ['v2, no limit', { 'cpu.max': 'max 100000\n' }, undefined],
  ['v1, half a core', { 'cpu/cpu.cfs_quota_us': '50000\n', 'cpu/cpu.cfs_period_us': '100000\n' }, 0.5],
  ['v1, no limit', { 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n' }, undefined],
  ['no control groups', {}, undefined],
])('reads the CPU limit: %s', (_, content, cores) => expect(cpuLimit(files(content))).toBe(cores));

test.each([
  ['v2', { 'memory.max': '1073741824\n' }, 1073741824],
  ['v2, no limit', { 'memory.max': 'max\n' }, undefined],
  ['v1, no limit', { 'memory/memory.limit_in_bytes': '9223372036854771712\n' }, undefined],
])('reads the memory limit: %s', (_, content, bytes) => expect(memoryLimit(files(content))).toBe(bytes));

test.each([
  [8, undefined, 7],
  [8, 2.5, 1],
  [8, 4, 3],
  [2, undefined, 1],
  [1, undefined, 1],
  [8, 0.5, 1],
])('with %d cores and a limit of %s computes with %d threads', (cores, limit, threads) =>
  expect(computeThreads(cores, limit ?? cores)).toBe(threads),
);

test.each([
  ['v2', { 'memory.events': 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n' }, 2],
  ['v1', { 'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n' }, 1],
  ['no control groups', {}, undefined],
])('counts what was ended for memory: %s', (_, content, kills) => expect(oomKills(files(content))).toBe(kills));
