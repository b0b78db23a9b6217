import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { type MockWorker, startMockWorker } from '../fakes/mock-worker.ts';
import { Chance } from '../soak/chance.ts';
import { RawCaller } from './raw-caller.ts';
import { openResources } from './resources.ts';
import { startWorld, type World } from './world.ts';

// Callers who leave, at any point of a request's way. The same chance in every run.

const seed = 20_261_122;

/** A request with an id that the worker sees too. */
function requestOf(world: World, model: string, id: string): Buffer {
  const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'x'.repeat(2_000) }] });
  const head = ['POST /v1/chat/completions HTTP/1.1', 'Host: g', `Authorization: Bearer ${world.gateway.key}`, `X-Request-Id: ${id}`];
  return Buffer.from(`${[...head, `Content-Length: ${body.length}`, '', ''].join('\r\n')}${body}`);
}

const seenOf = (worker: MockWorker, id: string) => worker.seen.find(({ headers }) => headers['x-request-id'] === id);

/** How many requests the gateway has counted that their callers left. */
async function countedAsLeft({ gateway }: World): Promise<number> {
  return [...(await gateway.metrics()).matchAll(/requests_total\{model="[^"]+",code="499"\} (\d+)/g)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

test('500 streams that are left at any point: the worker hears of each at once, and nothing is left of them', { timeout: 60_000 }, async ({
  annotate,
}) => {
  await using world = await startWorld();
  const worker = await startMockWorker({ chunks: 100_000, paceMs: 20, delayMs: 40 });
  onTestFinished(() => worker.close());
  world.serveAlso('endless', [worker.origin], { maxConcurrencyPerReplica: 15 });
  await world.steady.twoMore();
  const before = openResources();
  const chance = new Chance(seed);
  const leftAt = new Map<string, number>();
  const caller = async (index: number) => {
    const id = `left-${index}`;
    const request = requestOf(world, 'endless', id);
    const raw = new RawCaller(world.gateway.url);
    const point = chance.pick(['headers', 'upload', 'wait', 'stream'] as const);
    if (point === 'headers') raw.say(request.subarray(0, chance.whole(1, 150)));
    else if (point === 'upload') raw.say(request.subarray(0, chance.whole(request.length - 2_000, request.length - 1)));
    else raw.say(request);
    if (point === 'stream') await eventually(() => raw.received.includes('token-2'), 30_000);
    else await sleep(chance.whole(0, 120));
    leftAt.set(id, performance.now());
    raw.leave();
  };
  // Some at a time, so that what is measured is not how busy they keep this process. There are fewer slots than callers.
  let next = 0;
  const callers = Array.from({ length: 25 }, async () => {
    while (next < 500) {
      next += 1;
      await caller(next);
    }
  });
  await Promise.all(callers);

  await eventually(() => expect([worker.inFlight, worker.seen.filter(({ aborted }) => !aborted).length]).toEqual([0, 0]));
  // Who leaves at once may have left before his request was read.
  const delays = worker.seen.map(({ headers, arrivedAt, endedAt = Number.NaN }) => {
    return endedAt - Math.max(arrivedAt, leftAt.get(String(headers['x-request-id'])) ?? Number.NaN);
  });
  delays.sort((a, b) => a - b);
  const [median, most] = [delays[Math.floor(delays.length / 2)] ?? Number.NaN, delays.at(-1) ?? Number.NaN];
  await annotate(
    `of 500 the worker saw ${delays.length}; it heard of the end after ${median.toFixed(1)} ms in the median, ${most.toFixed(1)} ms at most`,
  );
  expect(delays.length).toBeGreaterThan(200);
  // On an idle machine it takes a few milliseconds. This bound is for a busy one, and fails where an abort is not passed on.
  expect(most).toBeLessThan(5_000);

  await world.calm();
  await eventually(() => {
    for (const [kind, count = 0] of Object.entries(openResources())) expect([kind, count <= (before[kind] ?? 0)]).toEqual([kind, true]);
  });
});

test('who leaves before a replica has his request never costs one anything', async () => {
  await using world = await startWorld();
  const worker = await startMockWorker({ chunks: 100_000, paceMs: 20 });
  onTestFinished(() => worker.close());
  world.serveAlso('busy', [worker.origin], { maxConcurrencyPerReplica: 2 });
  world.serveAlso('asleep', []);
  const line = (model: string) => world.gateway.fleet.find(model)?.line;
  const running = ['first', 'second'].map((id) => new RawCaller(world.gateway.url).say(requestOf(world, 'busy', id)));
  await eventually(() => expect(worker.inFlight).toBe(2));

  const waiting = Array.from({ length: 100 }, (_, index) => {
    const model = index % 2 === 0 ? 'busy' : 'asleep';
    return new RawCaller(world.gateway.url).say(requestOf(world, model, `waits-${index}`));
  });
  await eventually(() => expect([line('busy')?.length, line('asleep')?.length]).toEqual([50, 50]));
  for (const caller of waiting) caller.leave();
  await eventually(() => expect([line('busy')?.length, line('asleep')?.length]).toEqual([0, 0]));

  // The slots that come free go to nobody who has left.
  for (const caller of running) caller.leave();
  await world.calm();
  expect(worker.seen).toHaveLength(2);
  await eventually(async () => expect(await countedAsLeft(world)).toBe(102));
});

test('who leaves between two replicas is not sent to the second', async () => {
  await using world = await startWorld();
  const [first, second] = [await startMockWorker({ fault: 'hang' }), await startMockWorker()];
  onTestFinished(async () => void (await Promise.all([first.close(), second.close()])));
  world.serveAlso('pair', [first.origin, second.origin], { maxConcurrencyPerReplica: 1 });
  const blocker = new RawCaller(world.gateway.url).say(requestOf(world, 'pair', 'blocker'));
  await eventually(() => first.seen.length + second.seen.length === 1);
  const [blocked, other] = first.seen.length === 1 ? [first, second] : [second, first];
  blocked.behave({ chunks: 100_000, paceMs: 20 });
  other.behave({ fault: 'hang' });

  const unlucky = new RawCaller(world.gateway.url).say(requestOf(world, 'pair', 'unlucky'));
  await eventually(() => seenOf(other, 'unlucky') !== undefined);
  other.kill(); // it goes back to the line, where the only other replica is busy
  await eventually(() => expect(world.gateway.fleet.find('pair')?.line.length).toBe(1));
  unlucky.leave();
  await eventually(() => expect(world.gateway.fleet.find('pair')?.line.length).toBe(0));
  blocker.leave();
  await world.calm();
  expect([...first.seen, ...second.seen]).toHaveLength(2);
});

test('of requests in one packet the worker hears the end of each when the connection goes', async () => {
  await using world = await startWorld();
  const worker = await startMockWorker({ chunks: 100_000, paceMs: 20 });
  onTestFinished(() => worker.close());
  world.serveAlso('endless', [worker.origin]);
  const caller = new RawCaller(world.gateway.url).say(Buffer.concat(['a', 'b', 'c'].map((id) => requestOf(world, 'endless', id))));
  await eventually(() => expect(worker.inFlight).toBe(3));
  await eventually(() => caller.received.includes('token-1'));
  caller.leave();
  await eventually(() => expect(worker.seen.map(({ aborted }) => aborted)).toEqual([true, true, true]));
  await world.calm();
});
