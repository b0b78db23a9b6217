import { expect, test } from 'vitest';
import type { Revision } from '../revisions.ts';
import { historyTable } from './history.ts';

const now = Date.UTC(2026, 0, 2);

function revision(number: number, fields: Partial<Revision> = {}): Revision {
  return {
    number,
    since: '2026-01-01T23:00:00Z',
    current: false,
    loaded: 0,
    replicas: 0,
    data: {},
    changes: undefined,
    patch: [],
    ...fields,
  };
}

function table(...revisions: readonly Revision[]): readonly string[] {
  const deployment = {
    apiVersion: 'modelfleet.dev/v1alpha1' as const,
    kind: 'ModelDeployment' as const,
    metadata: { name: 'qwen' },
    spec: { model: { source: 'hf://Qwen/Qwen3-4B' } },
  };
  return historyTable({ deployment, revisions }, now).split('\n');
}

test('gives every change of a revision a line', () => {
  const changes = [
    { field: 'engine.image', before: undefined, after: 'mine:2' },
    { field: 'engine.args', before: ['--a'], after: ['--b'] },
  ];
  const current = { current: true, loaded: 1, replicas: 3, since: '2026-01-01T23:59:20Z' };
  expect(table(revision(1), revision(3, { changes }), revision(4, { changes: [], ...current }))).toEqual([
    'REVISION   AGE   LOADED   CHANGE',
    '1          1h    -        the first that is known',
    '3          1h    -        engine.image (unset) → mine:2',
    '                          engine.args ["--a"] → ["--b"]',
    '4 *        40s   1/3      nothing',
  ]);
});

test('cuts a long value short', () => {
  const changes = [{ field: 'engine.image', before: 'x'.repeat(100), after: 'y' }];
  expect(table(revision(1), revision(2, { changes, current: true })).at(-1)).toMatch(/engine.image x{59}… → y$/);
});

test('says so when the spec is none of them', () => {
  expect(table(revision(1)).at(-1)).toMatch(/^The spec differs from all of these: .*kubectl describe mdep\/qwen/);
});
