import { expect, test } from 'vitest';
import { builtinResources } from './resources/index.ts';
import { toTable } from './table.ts';
import { ageOf, humanDuration } from './table-age.ts';

const now = Date.parse('2026-01-01T01:00:00Z');

test.each([
  [5_000, '5s'],
  [119_000, '119s'],
  [190_000, '3m10s'],
  [600_000, '10m'],
  [179 * 60_000, '179m'],
  [3 * 3_600_000 + 60_000, '3h1m'],
  [9 * 3_600_000, '9h'],
  [50 * 3_600_000, '2d2h'],
  [30 * 86_400_000, '30d'],
  [800 * 86_400_000, '2y70d'],
  [-500, '0s'],
  [-60_000, '<invalid>'],
])('%d ms are %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});

test('an age without a time is unknown', () => {
  expect([ageOf(undefined, now), ageOf('never', now), ageOf('2026-01-01T00:59:00Z', now)]).toEqual(['<unknown>', '<invalid>', '60s']);
});

const definition = (plural: string) => {
  const found = builtinResources.find((each) => each.plural === plural);
  if (!found) throw new Error(`no ${plural}`);
  return found;
};
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', creationTimestamp: '2026-01-01T00:59:30Z' },
  type: 'Opaque',
  data: { a: '' },
};

test('a table has the name first, ages as people read them, and as much of the object as asked for', () => {
  const table = toTable(definition('secrets'), [secret], { now, listMetadata: { resourceVersion: '7' } });
  expect(table).toMatchObject({
    kind: 'Table',
    metadata: { resourceVersion: '7' },
    columnDefinitions: [{ name: 'Name', format: 'name' }, { name: 'Type' }, { name: 'Data' }, { name: 'Age' }],
    rows: [{ cells: ['s', 'Opaque', 1, '30s'], object: { kind: 'PartialObjectMetadata', metadata: { name: 's' } } }],
  });
  expect(toTable(definition('secrets'), [secret], { now, includeObject: 'Object' })).toMatchObject({ rows: [{ object: secret }] });
  expect(toTable(definition('secrets'), [secret], { now, includeObject: 'None' }).rows).toEqual([{ cells: ['s', 'Opaque', 1, '30s'] }]);
});

test('events begin with when they were seen', () => {
  const event = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p' },
    type: 'Normal',
    reason: 'Started',
    message: 'up\n',
    lastTimestamp: '2026-01-01T00:58:00Z',
    count: 2,
  };
  expect(toTable(definition('events'), [event], { now })).toMatchObject({
    rows: [{ cells: ['2m', 'Normal', 'Started', 'pod/p', '', '', 'up', '<unknown>', 2, 'e'] }],
  });
});
