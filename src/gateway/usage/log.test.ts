import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { type LineOutput, UsageLog } from './log.ts';
import type { UsageRecord } from './record.ts';

const record = (requestId: string, more: Partial<UsageRecord> = {}): UsageRecord => ({
  kind: 'usage',
  time: '2027-01-01T00:00:00.000Z',
  requestId,
  path: '/v1/chat/completions',
  tenant: 'acme',
  status: 200,
  promptTokens: 1,
  completionTokens: 2,
  cachedTokens: 0,
  durationMs: 3,
  ...more,
});

function open() {
  const clock = new FakeClock(1_000);
  const output = { lines: [] as string[], broken: false, closed: false, write, close };
  async function write(text: string): Promise<void> {
    if (output.broken) throw new Error('disk full');
    output.lines.push(...text.trimEnd().split('\n'));
  }
  async function close(): Promise<void> {
    output.closed = true;
  }
  const log = new UsageLog({ output: output satisfies LineOutput, clock, logger: silentLogger });
  const ids = () => output.lines.map((line) => JSON.parse(line).requestId);
  return { clock, output, log, ids };
}

test('records are written in batches, in order, and the last ones at the end', async () => {
  const { clock, output, log, ids } = open();
  log.add(record('a'));
  log.add(record('b'));
  await clock.advance(1_000);
  await eventually(() => expect(ids()).toEqual(['a', 'b']));
  log.add(record('c'));
  await log.close();
  expect([ids(), output.closed]).toEqual([['a', 'b', 'c'], true]);
});

test('what cannot be written is kept and written once it can', async () => {
  const { clock, output, log, ids } = open();
  output.broken = true;
  log.add(record('a'));
  await clock.advance(2_000);
  output.broken = false;
  log.add(record('b'));
  await log.close();
  expect(ids()).toEqual(['a', 'b']);
  expect(log.lost).toBe(0);
});

test('what failed is tried again as it was, and no write is larger than the output wants', async () => {
  const { clock, output, log } = open();
  const tried: string[] = [];
  const write = output.write;
  output.write = async (text) => {
    tried.push(text);
    await write(text);
  };
  Object.assign(output, { maxWrite: 500 });
  output.broken = true;
  log.add(record('a'));
  await clock.advance(1_000);
  for (const id of ['b', 'c', 'd', 'e']) log.add(record(id));
  output.broken = false;
  await log.close();
  expect(new Set(tried.slice(0, -2))).toEqual(new Set([tried[0]]));
  expect(output.lines.map((line) => JSON.parse(line).requestId)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(Math.max(...tried.map(({ length }) => length))).toBeLessThanOrEqual(500);
});

test('a full disk does not fill the memory: what is lost is counted', async () => {
  const { output, log } = open();
  output.broken = true;
  const long = 'x'.repeat(1_000_000);
  for (let index = 0; index < 40; index += 1) log.add(record('a', { path: long }));
  expect(log.lost).toBeGreaterThan(5);
  await log.close();
});

test('a flood of callers without a tenant is told by number', async () => {
  const { clock, output, log } = open();
  const stranger = record('s', { kind: 'denial', status: 401 });
  delete stranger.tenant;
  for (let index = 0; index < 100; index += 1) log.add(stranger);
  log.add(record('mine', { kind: 'denial', status: 429 }));
  await clock.advance(2_000);
  log.add(stranger);
  await log.close();
  const told = output.lines.map((line) => JSON.parse(line));
  expect(told).toHaveLength(12);
  expect(told[10]).toMatchObject({ requestId: 'mine' });
  expect(told.map(({ leftOut }) => leftOut).filter(Boolean)).toEqual([90]);
  expect(told[11].leftOut).toBe(90);
});
