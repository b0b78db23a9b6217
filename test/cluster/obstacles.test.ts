import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isOldGo, obstacles } from './obstacles.ts';

let empty = '';
beforeEach(async () => {
  empty = await mkdtemp(join(tmpdir(), 'modelfleet-empty-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(empty, { recursive: true });
});

describe.skipIf(process.platform !== 'linux')('obstacles', () => {
  test('a node names each missing program and the one command that brings them all', async () => {
    vi.stubEnv('PATH', empty);
    vi.stubEnv('MODELFLEET_KUBE_BIN', empty);

    const text = (await obstacles('one-node')).join('\n');

    expect(text).toMatch(/Missing: containerd, ctr, runc, ip, umount, iptables/);
    expect(text).toMatch(/apt-get install -y containerd runc iproute2 mount iptables tar/);
  });

  test('a control plane alone asks for no package and no root', async () => {
    vi.stubEnv('PATH', empty);
    vi.stubEnv('MODELFLEET_KUBE_BIN', empty);
    expect(await obstacles('control-plane')).toEqual([]);
  });

  test('a folder of programs that does not exist is named', async () => {
    vi.stubEnv('MODELFLEET_KUBE_BIN', join(empty, 'nowhere'));
    expect(await obstacles('control-plane')).toEqual([expect.stringContaining('nowhere, which does not exist')]);
  });
});

test('Go must be new enough to build Kubernetes', () => {
  expect(['go1.24.9', 'go1.9', 'nonsense'].map(isOldGo)).toEqual([true, true, true]);
  expect(['go1.25', 'go1.26.8', 'go2.0'].map(isOldGo)).toEqual([false, false, false]);
});
