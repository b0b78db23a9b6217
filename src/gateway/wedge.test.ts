import { expect, test } from 'vitest';
import { startTestGateway } from '../../test/fakes/gateway.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { countRequests } from './stats.ts';

const chat = (more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more });

const patience = { wedgeTimeoutMs: 100, firstTokenTimeoutMs: 1_900, requestTimeoutMs: 60_000 };

test('a replica that says nothing to several streams is told, gets nothing while another serves, and is trusted when it is ready anew', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'hang' }, {}], serving: patience });
  const told = () => countRequests(gateway.fleet.all()).get('ns/m')?.wedged;
  // Of two replicas with as much to do the first gets the next: so that it has two of these.
  const streams = Array.from({ length: 4 }, () => gateway.post(chat({ stream: true })).then((answer) => answer.text()));
  await eventually(() => expect(told()).toEqual(['replica-0']), 20_000);
  await Promise.all(streams);

  const before = gateway.workers[0]?.seen.length;
  const answers = await Promise.all(Array.from({ length: 12 }, () => gateway.post(chat())));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
  expect(gateway.workers[0]?.seen.length).toBe(before);

  gateway.setReady(0, false);
  gateway.setReady(0, true);
  expect(told()).toBeUndefined();
});

test('slow answers that are not streamed, and a single slow stream, condemn no replica where two streams do', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'hang' }, { fault: 'hang' }, { fault: 'hang' }], serving: patience });
  const leave = new AbortController();
  const ask = (more: object, size = 1) =>
    gateway.post(chat({ ...more, padding: 'x'.repeat(size) }), { signal: leave.signal }).catch((error: Error) => error.name);
  const reaches = (index: number, count: number) => eventually(() => expect(gateway.workers[index]?.inFlight).toBe(count));
  for (const index of [1, 2]) gateway.setReady(index, false);
  const asked = [ask({}, 40_000), ask({}, 40_000), ask({}, 40_000)];
  await reaches(0, 3);
  gateway.setReady(1, true);
  asked.push(ask({ stream: true }, 40_000));
  await reaches(1, 1);
  gateway.setReady(2, true);
  asked.push(ask({ stream: true }), ask({ stream: true }));
  await reaches(2, 2);

  await eventually(() => expect(countRequests(gateway.fleet.all()).get('ns/m')?.wedged).toEqual(['replica-2']), 20_000);
  leave.abort();
  await Promise.all(asked);
});
