import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

const chat = { model: 'm', messages: [] };

async function refusal(answer: Response): Promise<{ status: number; code: string | null; retryAfter: number }> {
  const { error } = (await answer.json()) as { error: { code: string | null } };
  return { status: answer.status, code: error.code, retryAfter: Number(answer.headers.get('retry-after')) };
}

const waiting = (gateway: TestGateway, count: number) => eventually(() => expect(gateway.fleet.find('m')?.line.length).toBe(count));

test('no replica ever has more requests than its slots, and all are answered', async () => {
  await using gateway = await startTestGateway({ workers: [{ delayMs: 5 }, { delayMs: 5 }], serving: { maxConcurrencyPerReplica: 3 } });
  for (const index of [0, 1]) gateway.setReady(index, false);
  const answers = Array.from({ length: 60 }, async () => (await gateway.post(chat)).status);
  await waiting(gateway, 60);

  for (const index of [0, 1]) gateway.setReady(index, true);
  expect(gateway.fleet.find('m')?.line.inFlight).toBe(6);
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 60 }, () => 200));
  expect(Math.max(...gateway.workers.map((worker) => worker.maxInFlight))).toBeLessThanOrEqual(3);
  expect(gateway.workers.map((worker) => worker.seen.length).reduce((sum, count) => sum + count)).toBe(60);
});

test('requests are served in the order of their arrival', async () => {
  await using gateway = await startTestGateway({ serving: { maxConcurrencyPerReplica: 1 } });
  gateway.setReady(0, false);
  const answers: Promise<Response>[] = [];
  for (let user = 0; user < 5; user += 1) {
    answers.push(gateway.post({ ...chat, user: `u${user}` }));
    await waiting(gateway, user + 1);
  }
  gateway.setReady(0, true);
  await Promise.all(answers);
  expect(gateway.workers[0]?.seen.map(({ body }) => JSON.parse(body).user)).toEqual(['u0', 'u1', 'u2', 'u3', 'u4']);
});

test('a full queue is a 429 with Retry-After', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'hang' }], serving: { maxConcurrencyPerReplica: 1, maxQueue: 1 } });
  const leave = new AbortController();
  const others = [gateway.post(chat, { signal: leave.signal }), gateway.post(chat, { signal: leave.signal })];
  await waiting(gateway, 1);

  const full = await refusal(await gateway.post(chat));
  expect(full).toMatchObject({ status: 429, code: 'queue_full' });
  expect(full.retryAfter).toBeGreaterThanOrEqual(1);
  await eventually(async () => expect(await gateway.metrics()).toContain('modelfleet_gateway_queue_refusals_total{model="ns/m"} 1'));

  leave.abort();
  await Promise.allSettled(others);
  await waiting(gateway, 0);
  gateway.workers[0]?.behave({});
  expect((await gateway.post(chat)).status).toBe(200);
});

test('whoever waits too long for a slot is told so', async () => {
  await using gateway = await startTestGateway({
    workers: [{ fault: 'hang' }],
    serving: { maxConcurrencyPerReplica: 1, queueTimeoutMs: 50 },
  });
  const leave = new AbortController();
  const first = gateway.post(chat, { signal: leave.signal });
  await eventually(() => expect(gateway.workers[0]?.inFlight).toBe(1));
  expect(await refusal(await gateway.post(chat))).toMatchObject({ status: 503, code: 'queue_timeout' });
  leave.abort();
  await expect(first).rejects.toThrow();
});

test('while the model loads requests are held, and served once a replica is ready', async () => {
  await using gateway = await startTestGateway();
  gateway.setReady(0, false);
  const held = gateway.post(chat);
  await waiting(gateway, 1);
  gateway.setReady(0, true);
  expect((await held).status).toBe(200);
});

test('a model that loads longer than a request may wait says when to come back', async () => {
  await using gateway = await startTestGateway({ workers: [], serving: { holdTimeoutMs: 30 } });
  expect(await refusal(await gateway.post(chat))).toEqual({ status: 503, code: 'model_loading', retryAfter: 5 });

  gateway.setModel({ loading: { phase: 'Fetching', percent: 5, etaSeconds: 90 }, serving: { holdTimeoutMs: 300 } });
  const held = gateway.post(chat);
  await waiting(gateway, 1);
  gateway.setModel({ loading: { phase: 'LoadingWeights', percent: 60, etaSeconds: 41 } });
  expect(await refusal(await held)).toEqual({ status: 503, code: 'model_loading', retryAfter: 41 });
});

test('a model that serves lets nobody wait longer than the queue allows, however long a load may be waited for', async () => {
  const serving = { maxConcurrencyPerReplica: 1, queueTimeoutMs: 50, holdTimeoutMs: 60_000 };
  await using gateway = await startTestGateway({ workers: [{ fault: 'hang' }], serving });
  const leave = new AbortController();
  const first = gateway.post(chat, { signal: leave.signal });
  await eventually(() => expect(gateway.workers[0]?.inFlight).toBe(1));
  expect(await refusal(await gateway.post(chat))).toMatchObject({ code: 'queue_timeout' });
  leave.abort();
  await expect(first).rejects.toThrow();
});

test('as many wait for a load as for a free replica, and the next one hears when to come back', async () => {
  await using gateway = await startTestGateway({ workers: [], serving: { maxQueue: 1 } });
  gateway.setModel({ loading: { phase: 'LoadingWeights', percent: 60, etaSeconds: 33 } });
  const leave = new AbortController();
  const held = gateway.post(chat, { signal: leave.signal });
  await waiting(gateway, 1);
  expect(await refusal(await gateway.post(chat))).toEqual({ status: 429, code: 'queue_full', retryAfter: 33 });
  leave.abort();
  await expect(held).rejects.toThrow();
  await waiting(gateway, 0);
});

test('a model that somebody has scaled to zero refuses at once, and says who can start it', async () => {
  await using gateway = await startTestGateway({ workers: [] });
  const held = gateway.post(chat);
  await waiting(gateway, 1);
  gateway.setModel({ availability: 'scaledToZero' });
  for (const answer of [await held, await gateway.post(chat)]) {
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { error: expect.objectContaining({ code: 'model_unavailable', message: expect.stringContaining('scaled to zero by hand') }) },
    ]);
  }
});

test.each(['suspended', 'failed'] as const)('nobody waits for a %s model', async (availability) => {
  await using gateway = await startTestGateway({ workers: [] });
  const held = gateway.post(chat);
  await waiting(gateway, 1);
  gateway.setModel({ availability });
  expect(await refusal(await held)).toMatchObject({ status: 503, code: 'model_unavailable' });
  expect(await refusal(await gateway.post(chat))).toMatchObject({ status: 503, code: 'model_unavailable' });
});

test('a failed revision does not stop the replicas that still serve', async () => {
  await using gateway = await startTestGateway();
  gateway.setModel({ availability: 'failed' });
  expect((await gateway.post(chat)).status).toBe(200);
});

test('whoever waits for a model that is deleted is told that it is gone', async () => {
  await using gateway = await startTestGateway({ workers: [] });
  const held = gateway.post(chat);
  await waiting(gateway, 1);
  gateway.fleet.deleteModel('ns/m');
  const answer = await held;
  expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('model_not_found')]);
});
