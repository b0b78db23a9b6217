import { connect } from 'node:net';
import OpenAI from 'openai';
import { expect, test, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { streamedAnswer, wholeAnswer } from '../../../test/fakes/mock-worker.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { patient } from '../testing/terms.fake.ts';

const chat = (more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more });

const seenBy = (gateway: TestGateway) => gateway.workers.map((worker) => worker.seen.length);

/** The data of the last event. */
const lastEvent = (text: string) => text.trimEnd().split('\n\n').at(-1)?.replace('data: ', '') ?? '';

async function codeOf(answer: Response): Promise<string | null> {
  return ((await answer.json()) as { error: { code: string | null } }).error.code;
}

test.each([
  ['refuses the connection', 'closed'],
  ['dies before it answers', 'die-first'],
  ['answers 502', 502],
  ['answers 503', 503],
  ['answers 504', 504],
] as const)('another replica answers when the first one %s', async (_, fault) => {
  await using gateway = await startTestGateway({ workers: [fault === 'closed' ? {} : { fault }, {}] });
  if (fault === 'closed') await gateway.workers[0]?.close();

  const answer = await gateway.post(chat({ stream: true }));
  expect(await answer.text()).toBe(streamedAnswer('m', 8));
  expect(seenBy(gateway)).toEqual([fault === 'closed' ? 0 : 1, 1]);
  await eventually(async () => expect(await gateway.metrics()).toContain('modelfleet_gateway_upstream_retries_total{model="ns/m"} 1'));
});

test('tries two others at most, never one that has failed', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 503 }, { fault: 503 }, { fault: 503 }, { fault: 503 }] });
  const answer = await gateway.post(chat());

  // The last answer is passed on as it is.
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('mock error 503')]);
  expect(seenBy(gateway)).toEqual([1, 1, 1, 0]);
});

test('replicas that leave send a request on, however many they are; no one is asked again, and it is no failure', async () => {
  const leaving = { fault: 'drain' } as const;
  await using gateway = await startTestGateway({ workers: [leaving, leaving, leaving, leaving, {}] });
  for (let request = 0; request < 2; request += 1) {
    const answer = await gateway.post(chat({ stream: true }));
    expect(await answer.text()).toBe(streamedAnswer('m', 8));
  }
  expect(seenBy(gateway)).toEqual([1, 1, 1, 1, 2]);
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_total{model="ns/m",code="200"} 2'));
  expect(await gateway.metrics()).not.toContain('upstream_retries_total{model="ns/m"}');
});

test('a request that the only replica sends away waits for the next one, before those who came later', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'drain' }, {}], serving: { maxConcurrencyPerReplica: 1 } });
  gateway.setReady(1, false);
  const first = gateway.post(chat());
  const { line } = gateway.fleet.find('m') ?? {};
  await eventually(() => expect([gateway.workers[0]?.seen.length, line?.length]).toEqual([1, 1]));
  const second = gateway.post(chat());
  await eventually(() => expect(line?.length).toBe(2));

  gateway.setReady(1, true);
  expect([(await first).status, (await second).status]).toEqual([200, 200]);
  expect(seenBy(gateway)).toEqual([1, 2]);
});

test('a request that the only replica sends away because its engine starts again waits for that', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'loading' }] });
  const waiting = gateway.post(chat());
  const { line } = gateway.fleet.find('m') ?? {};
  await eventually(() => expect([line?.length, line?.readyReplicas]).toEqual([1, 0]));
  gateway.workers[0]?.behave({});
  expect((await waiting).status).toBe(200);
  expect(seenBy(gateway)).toEqual([2]);
});

test('of a deployment that is deleted running streams go on, and who waits or comes back is told', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 30, paceMs: 5 }, {}], serving: { maxConcurrencyPerReplica: 1 } });
  gateway.setReady(1, false);
  const stream = await gateway.post(chat({ stream: true }));
  const waiting = gateway.post(chat());
  const { line } = gateway.fleet.find('m') ?? {};
  await eventually(() => expect(line?.length).toBe(1));
  gateway.fleet.deleteModel('ns/m');

  expect(line?.rejoin(patient(1_000), new Map()).turn).toEqual({ kind: 'refused', why: 'deleted' });
  expect([(await waiting).status, (await gateway.post(chat())).status]).toEqual([404, 404]);
  expect(await stream.text()).toBe(streamedAnswer('m', 30));
});

test('the time to first token is that of streams, waiting for a slot included and waiting for a load left out', async () => {
  await using gateway = await startTestGateway({ workers: [{ delayMs: 30 }], serving: { maxConcurrencyPerReplica: 1 } });
  const { line } = gateway.fleet.find('m') ?? {};
  const read = async (more: object) => (await gateway.post(chat(more))).text();
  gateway.setReady(0, false);
  const held = read({ stream: true });
  await eventually(() => expect(line?.length).toBe(1));
  gateway.setReady(0, true);
  await held;
  await read({});
  expect(line?.experience.timeToFirstToken).toBeUndefined();

  await Promise.all([read({ stream: true }), read({ stream: true })]);
  expect(line?.experience.timeToFirstToken?.count).toBe(2);
  expect(line?.experience.timeToFirstToken?.mean).toBeGreaterThanOrEqual(40); // 30 ms, and twice that
  expect(line?.experience.serviceMs).toBeGreaterThanOrEqual(25);
  gateway.workers[0]?.behave({ fault: 400 });
  await read({ stream: true });
  expect(line?.experience.timeToFirstToken?.count).toBe(2);
});

test('an error of the request itself is not tried again', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 500 }, { fault: 500 }] });
  expect((await gateway.post(chat())).status).toBe(500);
  expect(seenBy(gateway)).toEqual([1, 0]);
});

test('a request that kills replicas is given to one more, not to all', async () => {
  await using gateway = await startTestGateway({ workers: Array.from({ length: 4 }, () => ({ fault: 'die-first' }) as const) });
  const answer = await gateway.post(chat());
  expect([answer.status, await codeOf(answer)]).toEqual([502, 'upstream_failed']);
  expect(seenBy(gateway)).toEqual([1, 1, 0, 0]);
});

test('a stream that breaks midway ends with an error event and no [DONE], and is not tried again', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'die' }, { fault: 'die' }] });
  const text = await (await gateway.post(chat({ stream: true }))).text();

  expect(JSON.parse(lastEvent(text))).toMatchObject({ error: { code: 'stream_interrupted', type: 'api_error' } });
  expect(text).not.toContain('[DONE]');
  // What came before is whole events: the half event that the worker left is not passed on.
  const before = streamedAnswer('m', 4).replace('data: [DONE]\n\n', '');
  expect(text.slice(0, before.length)).toBe(before);
  expect(text.slice(before.length)).toMatch(/^data: \{"error"/);
  expect(seenBy(gateway)).toEqual([1, 0]);
});

test('the stock OpenAI client raises the error of a broken stream', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'die' }] });
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
  const stream = await client.chat.completions.create({ model: 'm', messages: [], stream: true });
  const read = async () => {
    for await (const _ of stream);
  };
  await expect(read()).rejects.toThrow(/failed in the middle of the answer/);
});

test('a whole answer that breaks midway is a 502', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'die' }, { fault: 'die' }] });
  const answer = await gateway.post(chat());
  expect([answer.status, await codeOf(answer)]).toEqual([502, 'upstream_failed']);
});

test('killed under load: streams of other replicas go on, those of the dead one end with an error event', async () => {
  await using gateway = await startTestGateway({
    workers: [
      { chunks: 40, paceMs: 5 },
      { chunks: 40, paceMs: 5 },
    ],
  });
  const texts = Promise.all(Array.from({ length: 8 }, async () => (await gateway.post(chat({ stream: true }))).text()));
  await eventually(() => expect(gateway.workers.map((worker) => worker.inFlight)).toEqual([4, 4]));
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_in_flight{model="ns/m"} 8'));
  gateway.workers[0]?.kill();

  const results = await texts;
  const whole = streamedAnswer('m', 40);
  // Streams of which nothing had been passed on were answered by the other replica.
  const broken = results.filter((text) => text !== whole);
  expect(broken.length).toBeLessThanOrEqual(4);
  for (const text of broken) expect(JSON.parse(lastEvent(text))).toMatchObject({ error: { code: 'stream_interrupted' } });
});

test('a caller who leaves before the answer begins ends the work at the replica, and frees its slot', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'hang' }], serving: { maxConcurrencyPerReplica: 1 } });
  const [worker] = gateway.workers;
  const leave = new AbortController();
  const answer = gateway.post(chat(), { signal: leave.signal });
  await eventually(() => expect(worker?.seen[0]?.body).toContain('hi'));
  leave.abort();

  await expect(answer).rejects.toThrow();
  await eventually(() => expect(worker?.seen[0]).toMatchObject({ aborted: true }));
  worker?.behave({});
  expect((await gateway.post(chat())).status).toBe(200);
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_total{model="ns/m",code="499"} 1'));
});

test('a caller who leaves midway ends the stream at the replica', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 10_000, paceMs: 5 }] });
  const leave = new AbortController();
  const answer = await gateway.post(chat({ stream: true }), { signal: leave.signal });
  await answer.body?.getReader().read();
  leave.abort();
  await eventually(() => expect(gateway.workers[0]?.seen[0]).toMatchObject({ aborted: true, finished: false }));
});

test('200 streams that are left at any point are all aborted at the replica, and every slot comes back', async () => {
  await using gateway = await startTestGateway({
    workers: [{ chunks: 10_000, paceMs: 5, delayMs: 20 }],
    serving: { maxConcurrencyPerReplica: 150 },
  });
  const [worker] = gateway.workers;
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const leave = new AbortController();
      const answer = gateway.post(chat({ stream: true }), { signal: leave.signal });
      // Some leave while they queue or wait for the first byte, the others after some parts of the answer.
      const parts = index % 5;
      if (parts === 0) setTimeout(() => leave.abort(), index % 40);
      const read = answer.then(async ({ body }) => {
        const reader = body?.getReader();
        for (let part = 0; part < parts || parts === 0; part += 1) await reader?.read();
        leave.abort();
      });
      await Promise.allSettled([read]);
    }),
  );
  await eventually(() => expect([worker?.inFlight, gateway.fleet.find('m')?.line.inFlight]).toEqual([0, 0]));
  expect(worker?.seen.length).toBeGreaterThan(150);
  expect(worker?.seen.every((request) => request.aborted)).toBe(true);
});

test('a caller who reads slowly holds the replica back', async () => {
  const chunks = 600;
  await using gateway = await startTestGateway({ workers: [{ chunks, chunkBytes: 65_536 }] });
  const { port } = new URL(gateway.url);
  const socket = connect(Number(port), '127.0.0.1');
  const body = JSON.stringify(chat({ stream: true }));
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer ${gateway.key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  socket.pause();
  const total = streamedAnswer('m', chunks, 65_536).length;
  // Far less than the whole may be on its way while nobody reads: only what kernels and streams buffer.
  await eventually(() => expect(gateway.workers[0]?.inFlight).toBe(1));
  const before = process.memoryUsage().arrayBuffers;
  await settled(() => gateway.workers[0]?.written ?? 0);
  expect(gateway.workers[0]?.written).toBeLessThan(total / 2);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(total / 2);

  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.resume();
  await new Promise((resolve) => socket.on('close', resolve));
  expect(received).toBeGreaterThan(total);
  expect(gateway.workers[0]?.seen[0]?.finished).toBe(true);
});

test('a replica that does not begin its stream in time is given up', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'hang' }], serving: { firstTokenTimeoutMs: 50 } });
  const answer = await gateway.post(chat({ stream: true }));
  expect([answer.status, await codeOf(answer)]).toEqual([504, 'upstream_timeout']);
  await eventually(() => expect(gateway.workers[0]?.seen[0]?.aborted).toBe(true));
});

test('a stream that falls silent ends with an error event', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'stall' }], serving: { idleStreamTimeoutMs: 50 } });
  const text = await (await gateway.post(chat({ stream: true }))).text();
  expect(JSON.parse(lastEvent(text))).toMatchObject({ error: { code: 'upstream_timeout' } });
  await eventually(() => expect(gateway.workers[0]?.seen[0]?.aborted).toBe(true));
});

test('an answer as a whole may take longer than a first token, but not longer than the request’s time', async () => {
  await using gateway = await startTestGateway({ workers: [{ delayMs: 150 }], serving: { firstTokenTimeoutMs: 20 } });
  expect(await (await gateway.post(chat())).text()).toBe(wholeAnswer('m'));

  gateway.setModel({ serving: { requestTimeoutMs: 60 } });
  expect((await gateway.post(chat())).status).toBe(504);
});

test('a replica that is drained or removed gets nothing new, while its stream goes on', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 30, paceMs: 5 }, {}] });
  gateway.setReady(1, false);
  const stream = await gateway.post(chat({ stream: true }));
  gateway.setReady(1, true);
  gateway.setReady(0, false);
  for (let request = 0; request < 5; request += 1) await gateway.post(chat());
  gateway.fleet.deleteReplica('ns/m', 'replica-0');

  expect(await stream.text()).toBe(streamedAnswer('m', 30));
  expect(seenBy(gateway)).toEqual([1, 5]);
});

/** Resolves when a number has stopped growing for a while. */
async function settled(read: () => number): Promise<void> {
  let last = -1;
  await vi.waitFor(
    () => {
      const now = read();
      const same = now === last;
      last = now;
      if (!same) throw new Error('still growing');
    },
    { interval: 200, timeout: 10_000 },
  );
}
