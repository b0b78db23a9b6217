import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { generateApiKey, hashApiKey } from '../../core/api-keys.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

const chat = (text: string, more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: text }], ...more });

const seenBy = (gateway: TestGateway) => gateway.workers.map(({ seen }) => seen.length);

async function ask(gateway: TestGateway, body: unknown): Promise<number> {
  const answer = await gateway.post(body);
  await answer.arrayBuffer();
  return answer.status;
}

// A busy machine may take its time for an answer, too.
test.each([['answers 500 to everything', 500, 10_000] as const, ['never answers', 'hang', 500] as const])(
  'a replica that %s soon gets nothing more',
  async (_, fault, firstTokenTimeoutMs) => {
    await using gateway = await startTestGateway({ workers: [{ fault }, {}], serving: { firstTokenTimeoutMs } });
    for (let request = 0; request < 12; request += 1) await ask(gateway, chat('hi', { stream: true }));
    expect(seenBy(gateway)).toEqual([5, 7]);
    expect(await gateway.metrics()).toContain('modelfleet_gateway_ejected_replicas{model="ns/m"} 1');
  },
);

test('callers who leave and requests that are wrong say nothing against a replica', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 400 }, {}] });
  for (let request = 0; request < 8; request += 1) expect(await ask(gateway, chat('hi'))).toBe(400);
  gateway.workers[0]?.behave({ fault: 'hang' });
  for (let request = 0; request < 6; request += 1) {
    const leave = new AbortController();
    const answer = gateway.post(chat('hi'), { signal: leave.signal });
    await eventually(() => expect(seenBy(gateway)).toEqual([9 + request, 0]));
    leave.abort();
    await expect(answer).rejects.toThrow();
    await eventually(() => expect(gateway.fleet.find('m')?.line.inFlight).toBe(0));
  }
  expect(seenBy(gateway)).toEqual([14, 0]);
});

test('with PrefixAffinity a conversation stays at its replica, and conversations are spread', async () => {
  await using gateway = await startTestGateway({ workers: [{}, {}, {}], serving: { balancing: 'PrefixAffinity' }, random: Math.random });
  const conversations = Array.from({ length: 12 }, (_, index) => `question ${index}`);
  for (const question of conversations) await ask(gateway, chat(question));
  const before = seenBy(gateway);
  for (const question of conversations) {
    const [turn] = chat(question).messages;
    await ask(gateway, chat('', { messages: [turn, { role: 'assistant', content: 'x' }, { role: 'user', content: 'more' }] }));
  }
  expect(seenBy(gateway)).toEqual(before.map((count) => 2 * count));
  expect(Math.min(...before)).toBeGreaterThan(0);
});

test('a small tenant is answered before the crowd that came first', async () => {
  await using gateway = await startTestGateway({ workers: [{ delayMs: 5 }], serving: { maxConcurrencyPerReplica: 1 } });
  gateway.setReady(0, false);
  const { line } = gateway.fleet.find('m') ?? {};
  const order: string[] = [];
  const answers = Array.from({ length: 10 }, async () => {
    await ask(gateway, chat('crowd'));
    order.push('crowd');
  });
  await eventually(() => expect(line?.length).toBe(10));
  const key = generateApiKey();
  gateway.keys.set('small', [{ name: 'only', hash: hashApiKey(key) }]);
  answers.push(
    (async () => {
      await (await gateway.post(chat('small'), { key })).arrayBuffer();
      order.push('small');
    })(),
  );
  await eventually(() => expect(line?.length).toBe(11));
  gateway.setReady(0, true);
  await Promise.all(answers);
  expect(order.indexOf('small')).toBeLessThanOrEqual(1);
});
