import { expect, test } from 'vitest';
import { buildArguments, defaultBases, imageNames, parts, plan, table, variants } from '../../images/host/plan.ts';

const labels = { version: '0.1.0', revision: 'abc', created: '2026-01-01T00:00:00.000Z' };

test('tags the worker with its variant, the others with the version alone', () => {
  expect(plan({ only: imageNames, variants: ['cpu', 'cuda'], tag: '0.1.0' }).map(({ image }) => image)).toEqual([
    'modelfleet/controller:0.1.0',
    'modelfleet/gateway:0.1.0',
    'modelfleet/worker:0.1.0-cpu',
    'modelfleet/worker:0.1.0-cuda',
  ]);
});

test('gives a build its bases and labels, and the variant only where there is one', () => {
  const bases = { base: 'debian', builder: 'node', network: 'host' };

  const worker = buildArguments({ name: 'worker', variant: 'cpu', image: 'w:1' }, bases, labels);
  const gateway = buildArguments({ name: 'gateway', image: 'g:1' }, { ...bases, network: undefined }, labels);

  expect(worker.join(' ')).toBe(
    '--file images/worker/Dockerfile --tag w:1 --network host --build-arg BASE=debian --build-arg BUILDER=node --build-arg VERSION=0.1.0 --build-arg REVISION=abc --build-arg CREATED=2026-01-01T00:00:00.000Z --build-arg VARIANT=cpu',
  );
  expect(gateway).not.toContain('--network');
  expect(gateway.join(' ')).not.toContain('VARIANT');
});

test('reads the bases that a Dockerfile names', () => {
  expect(defaultBases('ARG BASE=debian:x\nARG BUILDER=node:y\nFROM scratch')).toEqual({ base: 'debian:x', builder: 'node:y' });
  expect(() => defaultBases('ARG BASE=debian:x')).toThrow('no line ARG BUILDER=');
});

test('refuses an image or variant that there is not', () => {
  expect(parts(variants)('cpu, vulkan')).toEqual(['cpu', 'vulkan']);
  expect(() => parts(variants)('cpu,rocm')).toThrow('Choose from cpu, vulkan, cuda.');
});

test('prints what was made', () => {
  expect(table([{ image: 'modelfleet/gateway:0.1.0', bytes: 140_000_000, seconds: 3.21 }])).toBe(
    'IMAGE                      SIZE     BUILT IN\nmodelfleet/gateway:0.1.0   140 MB   3.2 s\n',
  );
});
