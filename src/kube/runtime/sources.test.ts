import { expect, test } from 'vitest';
import type { Handler, Informer } from '../cache/informer.ts';
import { type Pod, pods } from '../client/resources.ts';
import { and, annotationsChanged, deletionStarted, generationChanged, labelsChanged, not, or, type Predicate } from './predicates.ts';
import { forType, owns, type Source, urgently, watches } from './sources.ts';

const owner = { group: 'modelfleet.dev', kind: 'ModelDeployment', namespaced: true };
const pod = (name: string, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'models', name, ...metadata },
});
const controlledBy = (name: string, apiVersion = 'modelfleet.dev/v1alpha1', controller = true): Partial<Pod['metadata']> => ({
  ownerReferences: [{ apiVersion, kind: 'ModelDeployment', name, uid: name, controller }],
});

/** The keys that a source enqueues when its informer tells these things. */
function keysOf(make: (informer: Informer<Pod>) => Source, tell: (handler: Handler<Pod>) => void): string[] {
  const keys: string[] = [];
  const informer = {
    type: pods,
    addHandler: (handler: Handler<Pod>) => {
      tell(handler);
      return () => {};
    },
  };
  make(informer as unknown as Informer<Pod>).start((key, urgent) => keys.push(urgent ? `${key}!` : key));
  return keys;
}

test('what the controller is for: its own key', () => {
  expect(keysOf(forType, (handler) => handler.add?.(pod('a')))).toEqual(['models/a']);
  expect(keysOf(forType, (handler) => handler.delete?.(pod('a')))).toEqual(['models/a']);
});

test('what the controller owns: the key of the controlling owner, of the old and the new one when it changes hands', () => {
  const source = (informer: Informer<Pod>) => owns(informer, owner);
  expect(keysOf(source, (handler) => handler.add?.(pod('a', controlledBy('m'))))).toEqual(['models/m']);
  expect(keysOf(source, (handler) => handler.add?.(pod('a', controlledBy('m', 'other.dev/v1'))))).toEqual([]);
  expect(keysOf(source, (handler) => handler.add?.(pod('a', controlledBy('m', 'modelfleet.dev/v1', false))))).toEqual([]);
  expect(keysOf(source, (handler) => handler.update?.(pod('a', controlledBy('new')), pod('a', controlledBy('old'))))).toEqual([
    'models/new',
    'models/old',
  ]);
  const clusterScoped = (informer: Informer<Pod>) => owns(informer, { ...owner, namespaced: false });
  expect(keysOf(clusterScoped, (handler) => handler.add?.(pod('a', controlledBy('m'))))).toEqual(['m']);
});

test('a map enqueues what it likes, once each', () => {
  const source = (informer: Informer<Pod>) => watches(informer, (object) => [`x/${object.metadata.name}`, 'x/all']);
  expect(keysOf(source, (handler) => handler.update?.(pod('a'), pod('a')))).toEqual(['x/a', 'x/all']);
});

test('a predicate keeps out what it refuses', () => {
  const source = (informer: Informer<Pod>) => forType(informer, generationChanged);
  expect(keysOf(source, (handler) => handler.update?.(pod('a', { generation: 2 }), pod('a', { generation: 2 })))).toEqual([]);
  expect(keysOf(source, (handler) => handler.update?.(pod('a', { generation: 3 }), pod('a', { generation: 2 })))).toEqual(['models/a']);
});

test('what is told urgently is urgent', () => {
  expect(
    keysOf(
      (informer) => urgently(forType(informer)),
      (handler) => handler.add?.(pod('a')),
    ),
  ).toEqual(['models/a!']);
});

const no: Predicate = () => false;
const yes: Predicate = () => true;
test.each<[string, Predicate, Partial<Pod['metadata']>, Partial<Pod['metadata']>, boolean]>([
  ['other labels', labelsChanged, { labels: { a: '1' } }, { labels: { a: '2' } }, true],
  ['one label more', labelsChanged, { labels: { a: '1' } }, { labels: { a: '1', b: '1' } }, true],
  ['the same labels', labelsChanged, { labels: { a: '1', b: '2' } }, { labels: { b: '2', a: '1' } }, false],
  ['the first annotation', annotationsChanged, {}, { annotations: { a: '1' } }, true],
  ['no annotation still', annotationsChanged, {}, {}, false],
  ['the start of a deletion', deletionStarted, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }, true],
  ['a deletion that goes on', deletionStarted, { deletionTimestamp: 'x' }, { deletionTimestamp: 'x' }, false],
  ['all of', and(yes, no), {}, {}, false],
  ['any of', or(yes, no), {}, {}, true],
  ['none of', not(yes), {}, {}, false],
])('a predicate on %s', (_name, predicate, old, next, expected) => {
  expect(predicate({ type: 'update', old: pod('a', old), object: pod('a', next) })).toBe(expected);
});
