import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { installCommand } from './install.ts';

const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'install-'));
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

test('what it leaves in the folder runs from there', async () => {
  const program = join(folder, 'bundled.mjs');
  await writeFile(program, 'console.log(process.execPath, ...process.argv.slice(2));');
  vi.stubGlobal('process', Object.assign(Object.create(process), { argv: [process.execPath, program] }));
  const target = join(folder, 'deep', 'agent');
  await installCommand().parseAsync([target], { from: 'user' });
  const { stdout } = await run(join(target, 'node'), [join(target, 'main.mjs'), 'worker']);
  expect(stdout.trim()).toBe(`${join(target, 'node')} worker`);
});
