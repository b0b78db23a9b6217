import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { KubeClient } from '../client/kube-client.ts';
import type { KubeObject } from '../client/types.ts';
import { FakeApiServer, sendStatus } from '../testing/api-server.fake.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { EventRecorder } from './event-recorder.ts';

const object: KubeObject = {
  apiVersion: 'modelfleet.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { namespace: 'models', name: 'qwen', uid: 'uid-1', resourceVersion: '7' },
};
const signal = AbortSignal.timeout(20_000);
let server: FakeApiServer;
let client: KubeClient;

beforeEach(async () => {
  server = await FakeApiServer.start();
  client = KubeClient.fromServer({ url: server.url });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

const newRecorder = (clock = new FakeClock()) =>
  new EventRecorder({ client, component: 'modelfleet-controller', instance: 'pod-1', clock });

test('writes an event that kubectl can show', async () => {
  const recorder = newRecorder();
  recorder.event(object, 'Normal', 'Loaded', 'The model is loaded.');
  await recorder.flush(signal);
  expect(server.list('events')).toMatchObject([
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: 'models', name: expect.stringMatching(/^qwen\.[0-9a-f]{16}$/) },
      involvedObject: { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', namespace: 'models', name: 'qwen', uid: 'uid-1' },
      type: 'Normal',
      reason: 'Loaded',
      message: 'The model is loaded.',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'modelfleet-controller' },
      reportingInstance: 'pod-1',
    },
  ]);
});

test('counts a repetition on the same event, and begins a new one when that has expired', async () => {
  const clock = new FakeClock();
  const recorder = newRecorder(clock);
  recorder.event(object, 'Warning', 'Failed', 'It failed.');
  await recorder.flush(signal);
  await clock.advance(60_000);
  recorder.event(object, 'Warning', 'Failed', 'It failed.');
  await recorder.flush(signal);
  expect(server.list('events')).toMatchObject([
    { count: 2, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:01:00Z' },
  ]);
  const [written] = server.list('events');
  server.remove('events', 'models', written?.metadata.name ?? '');
  recorder.event(object, 'Warning', 'Failed', 'It failed.');
  await recorder.flush(signal);
  expect(server.list('events')).toMatchObject([{ count: 3 }]);
});

test('an object of no namespace has its events in default, and a message is as long as it may be', async () => {
  const recorder = newRecorder();
  recorder.event({ ...object, metadata: { name: 'team-a' } }, 'Normal', 'Seen', 'x'.repeat(5_000));
  await recorder.flush(signal);
  const [written] = server.list('events', 'default');
  expect(written).toMatchObject({ message: expect.stringMatching(/^x+…$/) });
  expect((written as unknown as { message: string }).message).toHaveLength(1024);
});

test('a refused event is dropped and the next is written; nothing is ever thrown', async () => {
  const recorder = newRecorder();
  server.once((_, response) => {
    sendStatus(response, 403, 'Forbidden');
    return true;
  });
  recorder.event(object, 'Normal', 'First', 'refused');
  recorder.event(object, 'Normal', 'Second', 'accepted');
  await recorder.flush(signal);
  expect(server.list('events')).toMatchObject([{ reason: 'Second' }]);
});

test('an event whose write was lost is written again after a while', async () => {
  const clock = new FakeClock();
  const recorder = newRecorder(clock);
  server.once((_, response) => {
    response.destroy();
    return true;
  });
  recorder.event(object, 'Normal', 'Loaded', 'The model is loaded.');
  await eventually(() => clock.sleeping === 1);
  await clock.advance(500);
  await recorder.flush(signal);
  expect(server.list('events')).toHaveLength(1);
});

/** So many objects as a fleet has, each telling its own news. */
const tellOf = (recorder: EventRecorder, count: number, type: 'Normal' | 'Warning' = 'Normal') => {
  for (let index = 0; index < count; index++) {
    const metadata = { namespace: 'models', name: `${type.toLowerCase()}-${index}`, uid: `uid-${type}-${index}` };
    recorder.event({ ...object, metadata }, type, 'Told', `It is ${index}.`);
  }
};

test('a fleet that has news all at once is told of at a steady rate, after a burst', async () => {
  const clock = new FakeClock();
  const recorder = newRecorder(clock);
  tellOf(recorder, 100);
  await eventually(() => server.list('events').length === 50 && clock.sleeping === 1);
  for (let written = 51; written <= 70; written++) {
    await clock.advance(50);
    await eventually(() => server.list('events').length === written && clock.sleeping === 1);
  }
});

test('warnings are written before ordinary news, and when too much waits it is ordinary news that is dropped', async () => {
  const clock = new FakeClock();
  const recorder = newRecorder(clock);
  tellOf(recorder, 1_200);
  tellOf(recorder, 30, 'Warning');
  await eventually(() => server.list('events').length === 50);
  expect(server.list('events').filter((event) => (event as unknown as { type: string }).type === 'Warning')).toHaveLength(30);
});

test('a closed recorder writes nothing more and waits for nothing', async () => {
  const clock = new FakeClock();
  const recorder = newRecorder(clock);
  tellOf(recorder, 100);
  await eventually(() => server.list('events').length === 50 && clock.sleeping === 1);
  recorder.close();
  await recorder.flush(signal);
  recorder.event(object, 'Normal', 'Late', 'It comes too late.');
  await recorder.flush(signal);
  expect(clock.sleeping).toBe(0);
  expect(server.list('events')).toHaveLength(50);
});
