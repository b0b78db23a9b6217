import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../core/clock.ts';
import { Failure } from '../../../core/failure.ts';
import { silentLogger } from '../../../core/logger.ts';
import { EngineProcess } from './engine-process.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'engine-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** An engine that does this and no more. */
async function engine(program: string): Promise<EngineProcess> {
  const file = path.join(directory, 'engine.mjs');
  await writeFile(file, program);
  return new EngineProcess(pathToFileURL(file), systemClock, silentLogger);
}

const load = (one: EngineProcess) =>
  one.load({ modelPath: '/m.gguf', device: 'CPU', maxSequences: 1 }, () => undefined, new AbortController().signal);

test('an engine that dies while it loads fails the load with what its last words tell of', async () => {
  const dying = await engine(
    "console.error('ggml_cuda: CUDA error: out of memory'); console.error('  in function alloc'); process.on('message', () => process.abort());",
  );
  await expect(load(dying)).rejects.toMatchObject({
    reason: 'DeviceOutOfMemory',
    message: expect.stringMatching(/^The engine process was ended by SIGABRT. Last words: .*CUDA error: out of memory/),
  });
  expect((await dying.ended).reason).toBe('DeviceOutOfMemory');
});

test('one that is killed without a word has crashed, for all that is known', async () => {
  const killed = await engine("process.kill(process.pid, 'SIGKILL');");
  expect(await killed.ended).toMatchObject({ reason: 'EngineCrashed', message: 'The engine process was ended by SIGKILL.' });
});

test('one that breaks off with an exit code tells it, with the last lines of its log', async () => {
  const broken = await engine(
    "for (const line of ['one', 'two', 'three', 'four']) console.error(line); process.exitCode = 3; process.disconnect();",
  );
  expect(await broken.ended).toMatchObject({
    reason: 'EngineCrashed',
    message: 'The engine process ended with code 3. Last words: two | three | four',
  });
});

test('whoever ends it says why', async () => {
  const hanging = await engine('setInterval(() => {}, 1000);');
  hanging.kill(new Failure('EngineWedged', 'It hung.'));
  expect(await hanging.ended).toMatchObject({ reason: 'EngineWedged', message: 'It hung.' });
});

test.skipIf(process.platform !== 'linux')('it is the first to go when memory ends', async () => {
  const one = await engine(`import { serveEngine } from '${new URL('./serve.ts', import.meta.url)}'; serveEngine({});`);
  await vi.waitFor(async () => expect(await readFile(`/proc/${one.pid}/oom_score_adj`, 'utf8')).toBe('1000\n'), 10_000);
  one.kill();
  await one.ended;
});
