import { expect, test } from 'vitest';
import { LineTail } from '../line-tail.ts';
import { type EngineEnd, endOfEngine } from './end-of-engine.ts';

function ended(fields: Partial<EngineEnd>, ...lines: readonly string[]) {
  const words = new LineTail();
  for (const line of lines) words.add(line);
  return endOfEngine({ code: null, signal: null, words, outOfMemory: false, memoryLimit: undefined, ...fields });
}

test('ended by the kernel for memory is HostOutOfMemory, with the limit', () =>
  expect(ended({ signal: 'SIGKILL', outOfMemory: true, memoryLimit: 4 * 2 ** 30 }, 'loading')).toMatchObject({
    reason: 'HostOutOfMemory',
    message: expect.stringMatching(
      /^The engine process was ended by SIGKILL because the 4096Mi of memory of the container was used up. Last words: loading$/,
    ),
  }));

test('ended by SIGKILL for another cause is a crash', () =>
  expect(ended({ signal: 'SIGKILL' })).toMatchObject({ reason: 'EngineCrashed', message: 'The engine process was ended by SIGKILL.' }));

test('memory that another process was ended for is not this one’s end', () =>
  expect(ended({ signal: 'SIGSEGV', outOfMemory: true }).reason).toBe('EngineCrashed'));

test.each([
  ['ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected', 'DeviceMissing'],
  ['CUDA error: no kernel image is available for execution on the device', 'DriverIncompatible'],
  ['CUDA error: out of memory', 'DeviceOutOfMemory'],
  ['llama_kv_cache_init: failed to allocate buffer for kv cache', 'KVCacheTooSmall'],
  ["terminate called after throwing an instance of 'std::bad_alloc'", 'HostOutOfMemory'],
])('last words of %s mean %s', (line, reason) =>
  expect(ended({ signal: 'SIGABRT' }, line, 'Aborted')).toMatchObject({
    reason,
    message: `The engine process was ended by SIGABRT. Last words: ${line} | Aborted`,
  }),
);

test('an exit code that stands for a signal is named', () =>
  expect(ended({ code: 139 }).message).toBe('The engine process ended with code 139 (SIGSEGV).'));
