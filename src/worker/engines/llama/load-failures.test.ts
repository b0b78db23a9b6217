import { InsufficientMemoryError, NoBinaryFoundError } from 'node-llama-cpp';
import { expect, test } from 'vitest';
import { LineTail } from '../line-tail.ts';
import { contextFailure, deviceFailure, modelFailure } from './load-failures.ts';

function log(...lines: readonly string[]): LineTail {
  const tail = new LineTail();
  for (const line of lines) tail.add(line);
  return tail;
}

const failed = new Error('Failed to load model');

test('a model that llama.cpp does not know is UnsupportedModel, in the words of its log', () =>
  expect(modelFailure('/m.gguf', false, failed, log("error loading model: unknown model architecture: 'grok9'"))).toMatchObject({
    reason: 'UnsupportedModel',
    message: "llama.cpp cannot load /m.gguf: Failed to load model. Last words: error loading model: unknown model architecture: 'grok9'",
  }));

test('a model for which the library says nothing else is UnsupportedModel too', () =>
  expect(modelFailure('/m.gguf', true, failed, log())).toMatchObject({ reason: 'UnsupportedModel' }));

test('full memory is that of the device, or of the host where no device is used', () => {
  const tooMuch = new InsufficientMemoryError('Insufficient memory for 4 GB');
  expect(modelFailure('/m.gguf', true, tooMuch, log()).reason).toBe('DeviceOutOfMemory');
  expect(modelFailure('/m.gguf', false, tooMuch, log()).reason).toBe('HostOutOfMemory');
  expect(modelFailure('/m.gguf', true, failed, log('allocating 4096 MiB on device 0: cudaMalloc failed: out of memory')).reason).toBe(
    'DeviceOutOfMemory',
  );
});

test('where the weights fit and the cache does not, the cache is too much', () => {
  const made = (error: Error, ...lines: readonly string[]) => contextFailure('8 sequences of 4096 tokens', 'CPU', error, log(...lines));
  expect(made(new InsufficientMemoryError('too much'))).toMatchObject({
    reason: 'KVCacheTooSmall',
    message: '8 sequences of 4096 tokens do not fit on CPU: too much.',
  });
  expect(made(new Error('Failed to create context'), 'cudaMalloc failed: out of memory').reason).toBe('KVCacheTooSmall');
  expect(made(new Error('Failed to create context'), 'failed to allocate buffer for kv cache').reason).toBe('KVCacheTooSmall');
  expect(made(new Error('Failed to create context'))).toMatchObject({
    reason: 'EngineCrashed',
    message: expect.stringContaining('cannot be reserved'),
  });
});

test('no build for a GPU that was asked for is DeviceMissing, unless the log blames the driver', () => {
  const none = new NoBinaryFoundError();
  expect(deviceFailure('CUDA', none, log()).reason).toBe('DeviceMissing');
  expect(deviceFailure('CUDA', none, log('libcuda.so.1: cannot open shared object file')).reason).toBe('DriverIncompatible');
  expect(deviceFailure('CPU', none, log())).toMatchObject({
    reason: 'UnsupportedModel',
    message: expect.stringContaining('run on CPU here'),
  });
  expect(deviceFailure('CUDA', new Error('CUDA driver version is insufficient for CUDA runtime version'), log()).reason).toBe(
    'DriverIncompatible',
  );
  expect(deviceFailure('Vulkan', new Error('boom'), log()).reason).toBe('EngineCrashed');
});
