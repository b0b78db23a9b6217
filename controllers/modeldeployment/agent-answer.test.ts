import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agentStatus } from '../../src/core/agent-contract.ts';
import { readAnswer } from './agent-answer.ts';
import { agent, t0 } from './testing/makers.fake.ts';

const now = t0 + 60_000;

test('an honest status is taken as it is', () => {
  const honest = agent({ startedAt: '2026-01-01T00:00:00.000Z', lastProgressAt: '2026-01-01T00:00:01.000Z' });
  expect(readAnswer(honest, now)).toEqual(honest);
});

test('more bytes than there are leave their total unknown', () =>
  expect(readAnswer(agent({ bytesDone: 101, bytesTotal: 100 }), now)).toMatchObject({ bytesDone: 101, bytesTotal: null }));

test('numbers that cannot be are unknown', () =>
  expect(
    readAnswer(agent({ bytesDone: -1, bytesTotal: 1e300, bytesPerSecond: -5, etaSeconds: -1, inFlight: -2, waiting: 1.5 }), now),
  ).toMatchObject({
    ...{ bytesDone: null, bytesTotal: null, bytesPerSecond: null, etaSeconds: null, inFlight: 0, waiting: 1 },
  }));

test('a share of the KV cache that cannot be is unknown', () => {
  const usages = [0, 0.5, 1, 1.01, -0.1, undefined].map((kvCacheUsage) => readAnswer(agent({ kvCacheUsage }), now).kvCacheUsage);
  expect(usages).toEqual([0, 0.5, 1, undefined, undefined, undefined]);
});

test('a remaining time of months is none', () => expect(readAnswer(agent({ etaSeconds: 1e9 }), now).etaSeconds).toBeNull());

test('instants of the future are now, and what is no instant too: the API takes nothing else', () => {
  const { startedAt, lastProgressAt } = readAnswer(agent({ startedAt: '2999-01-01T00:00:00Z', lastProgressAt: 'soon' }), now);
  expect([startedAt, lastProgressAt]).toEqual([new Date(now).toISOString(), new Date(now).toISOString()]);
});

test('texts are cut to what the API takes', () => {
  const { message, reason, device } = readAnswer(
    agent({ message: 'm'.repeat(60_000), reason: 'r'.repeat(999), device: 'd'.repeat(999) }),
    now,
  );
  expect([message?.length, reason?.length, device?.length]).toEqual([4096, 253, 253]);
});

test.each([
  ['another contract', { ...agent(), contract: 2 }, 'it speaks version 2 of the contract, this controller version 1'],
  ['another shape', { hello: 'world' }, 'its answer is no status: contract'],
  ['an unknown phase', agent({ phase: 'Singing' as 'Ready' }), 'its answer is no status: phase'],
  ['a percent beyond all', agent({ percent: 101 }), 'its answer is no status: percent'],
  ['a text', 'ready', 'its answer is no status: the whole'],
  ['nothing', null, 'its answer is no status: the whole'],
])('%s is no answer, and it is said why', (_, answer, why) => expect(() => readAnswer(answer, now)).toThrow(why));

test('whatever the numbers, what is read can be written to the status', () => {
  const number = fc.oneof(fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger());
  const fields = fc.record({ bytesDone: number, bytesTotal: number, bytesPerSecond: number, etaSeconds: number, startedAt: fc.string() });
  fc.assert(
    fc.property(fields, (said) => {
      const read = agentStatus.parse(readAnswer(agent(said), now));
      for (const value of [read.bytesDone, read.bytesTotal, read.bytesPerSecond])
        expect(value === null || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
      expect(Date.parse(read.startedAt)).toBeLessThanOrEqual(now);
      if (read.bytesTotal !== null && read.bytesDone !== null) expect(read.bytesDone).toBeLessThanOrEqual(read.bytesTotal);
    }),
  );
});
