import { InsufficientMemoryError, NoBinaryFoundError } from 'node-llama-cpp';
import { describeError, Failure } from '../../../core/failure.ts';
import { reasonInWords } from '../../../core/failure-words.ts';
import type { FailureReason } from '../../../core/reasons.ts';
import type { Device } from '../engine.ts';
import type { LineTail } from '../line-tail.ts';

/** The failure that no usable build for `device` means; `words` is the end of llama.cpp's log. */
export function deviceFailure(device: Device, error: unknown, words: LineTail): Failure {
  // A build that cannot find its driver counts as none: only the log says so.
  const told = reasonIn(error, words);
  if (!(error instanceof NoBinaryFoundError))
    return failure(told ?? 'EngineCrashed', `llama.cpp cannot run on ${device}: ${describeError(error)}`, error, words);
  const what = `No build of llama.cpp that can run on ${device === 'Auto' ? 'any device' : device} here is installed`;
  return failure(told ?? (device === 'CPU' || device === 'Auto' ? 'UnsupportedModel' : 'DeviceMissing'), what, error, words);
}

/** Why a model could not be loaded: its library only says that it could not, its log says why. */
export function modelFailure(modelPath: string, onGpu: boolean, error: unknown, words: LineTail): Failure {
  const told = reasonIn(error, words);
  const full = onGpu ? 'DeviceOutOfMemory' : 'HostOutOfMemory';
  const reason = error instanceof InsufficientMemoryError ? full : (told ?? 'UnsupportedModel');
  return failure(reason, `llama.cpp cannot load ${modelPath}: ${describeError(error)}`, error, words);
}

const full: ReadonlySet<FailureReason | undefined> = new Set(['HostOutOfMemory', 'DeviceOutOfMemory', 'KVCacheTooSmall']);

/** Why the KV cache could not be made; where the weights have found room, it is the cache that is too much. */
export function contextFailure(cache: string, device: string, error: unknown, words: LineTail): Failure {
  const told = reasonIn(error, words);
  const isFull = error instanceof InsufficientMemoryError || full.has(told);
  const message = isFull ? `${cache} do not fit on ${device}` : `${cache} cannot be reserved on ${device}`;
  return failure(isFull ? 'KVCacheTooSmall' : (told ?? 'EngineCrashed'), `${message}: ${describeError(error)}`, error, words);
}

function reasonIn(error: unknown, words: LineTail): FailureReason | undefined {
  return reasonInWords(describeError(error)) ?? words.reason;
}

function failure(reason: FailureReason, message: string, cause: unknown, words: LineTail): Failure {
  const said = words.last();
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  return new Failure(reason, said === '' ? sentence : `${sentence} Last words: ${said}`, { cause });
}
