import { expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { PendingWrites } from './pending-writes.ts';
import { pod } from './testing/makers.fake.ts';

const key = 'models/qwen';
const names = (pods: readonly { metadata: { name: string; deletionTimestamp?: string } }[]) =>
  pods.map(({ metadata }) => (metadata.deletionTimestamp ? `${metadata.name} leaving` : metadata.name));

test('a created pod counts before the cache shows it, and once after', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.created(key, pod('a'));
  expect(names(writes.overlay(key, []))).toEqual(['a']);
  expect(names(writes.overlay(key, [pod('a')]))).toEqual(['a']);
  expect(names(writes.overlay(key, []))).toEqual([]); // the cache had it, so it is gone
});

test('a pod that came and went while nobody looked is forgotten', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.created(key, pod('a'));
  writes.gone(key, 'uid-a');
  expect(writes.overlay(key, [])).toEqual([]);
});

test('a pod that came and went before the answer to its creation is forgotten', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.gone(key, 'uid-a');
  writes.created(key, pod('a'));
  expect(writes.overlay(key, [])).toEqual([]);
});

test('a deleted pod leaves before the cache shows it', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.deleted(key, 'uid-a');
  expect(names(writes.overlay(key, [pod('a'), pod('b')]))).toEqual(['a leaving', 'b']);
});

test('a pod created and deleted between two looks leaves', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.created(key, pod('a'));
  writes.deleted(key, 'uid-a');
  expect(names(writes.overlay(key, []))).toEqual(['a leaving']);
});

const versioned = (name: string, resourceVersion: string, annotations = {}) => pod(name, { metadata: { resourceVersion, annotations } });
const drained = versioned('a', '7', { 'modelfleet.dev/draining': 'true' });

test('a changed pod shows before the cache has it, and gives way to what is newer', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.patched(key, drained);
  expect(writes.overlay(key, [versioned('a', '5')])).toEqual([drained]);
  const newer = versioned('a', '11');
  expect(writes.overlay(key, [newer])).toEqual([newer]);
  expect(writes.overlay(key, [versioned('a', '5')])).toEqual([versioned('a', '5')]); // forgotten: nothing is pending
});

test('a pod created, changed and deleted between two looks is the newest, and leaves', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.created(key, versioned('a', '5'));
  writes.patched(key, drained);
  expect(writes.overlay(key, [])).toEqual([drained]);
  expect(writes.overlay(key, [versioned('a', '5')])).toEqual([drained]);
  writes.deleted(key, 'uid-a');
  expect(names(writes.overlay(key, [versioned('a', '5')]))).toEqual(['a leaving']);
});

test('a pod that went before the answers to its change and its deletion is forgotten', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.gone(key, 'uid-a');
  writes.patched(key, drained);
  writes.deleted(key, 'uid-a');
  expect(writes.expiresIn(key)).toBeUndefined();
});

test('a write that the cache never shows expires', async () => {
  const clock = new FakeClock();
  const writes = new PendingWrites(clock);
  writes.created(key, pod('a'));
  const expiresIn = writes.expiresIn(key) ?? 0;
  await clock.advance(expiresIn - 2);
  expect(names(writes.overlay(key, []))).toEqual(['a']);
  await clock.advance(2);
  expect(writes.overlay(key, [])).toEqual([]);
  expect(writes.expiresIn(key)).toBeUndefined();
});

test('a name whose creation had no answer is used again, once, unless its pod has shown up', () => {
  const writes = new PendingWrites(new FakeClock());
  writes.uncertain(key, 'a');
  expect([writes.takeUncertain(key), writes.takeUncertain(key)]).toEqual(['a', undefined]);
  writes.uncertain(key, 'b');
  writes.overlay(key, [pod('b')]);
  expect(writes.takeUncertain(key)).toBeUndefined();
});
