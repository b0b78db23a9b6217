import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const runUsage = (...args: string[]) => promisify(execFile)(process.execPath, [main, 'usage', ...args]);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'usage-command-'));
});
afterEach(() => rm(directory, { recursive: true }));

const line = (day: number, tenant: string, model: string, more: object = {}) =>
  JSON.stringify({
    kind: 'usage',
    time: `2027-01-0${day}T12:00:00.000Z`,
    requestId: 'r',
    path: '/v1/chat/completions',
    tenant,
    model,
    status: 200,
    promptTokens: 10,
    completionTokens: 3,
    cachedTokens: 4,
    countedBy: 'worker',
    durationMs: 5,
    ...more,
  });

async function write(name: string, ...lines: string[]): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

test('sums the logs of several gateways by tenant and model', async () => {
  const denial = { kind: 'denial', status: 429, promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
  const one = await write('one', line(1, 'acme', 'ns/a'), line(2, 'acme', 'ns/a'), line(2, 'beta', 'ns/b', { countedBy: 'gateway' }));
  const two = await write('two', line(3, 'acme', 'ns/a', denial), line(3, 'acme', 'ns/b', { status: 502 }), '{"half');
  const { stdout, stderr } = await runUsage(one, two);
  expect(stdout).toBe(`TENANT   MODEL   REQUESTS   DENIED   FAILED   PROMPT   CACHED   COMPLETION   TOKENS
acme     ns/a    3          1        0        20       8        6            26
acme     ns/b    1          0        1        10       4        3            13
beta     ns/b    1          0        0        10       4        3            13

The tokens of 1 requests are estimates: their workers did not tell them.
`);
  expect(stderr).toContain('1 lines are not usage records');
});

test('counts a range of time, the end left out, and prints JSON', async () => {
  const file = await write('log', line(1, 'acme', 'm'), line(2, 'acme', 'm'), line(3, 'acme', 'm'));
  const { stdout } = await runUsage('--from', '2027-01-02', '--to', '2027-01-03', '--by', 'tenant', '--json', file);
  expect(JSON.parse(stdout).sums).toMatchObject([{ of: { tenant: 'acme' }, requests: 1, promptTokens: 10 }]);
});

test('says which file cannot be read, and what is no instant', async () => {
  await expect(runUsage(join(directory, 'none'))).rejects.toMatchObject({ stderr: expect.stringContaining('Cannot read') });
  await expect(runUsage('--from', 'yesterday', 'x')).rejects.toMatchObject({ stderr: expect.stringContaining('Give an instant') });
});
