import { errors, type HttpError } from '../../core/errors.ts';
import { CallerGone } from '../exchange.ts';
import { Parts } from '../parts.ts';
import type { Stage } from '../pipeline.ts';

/** Reads the whole body, up to the size limit. It is kept as it came: these bytes go on to the worker. */
export const read: Stage = (exchange, { maxBodyBytes }) => {
  const { request, response } = exchange;
  // A caller may wait for a word before he sends the body; HTTP/1.0 knows none (RFC 9110 section 10.1.1).
  if (request.headers.expect !== undefined && request.httpVersionMinor > 0) response.writeContinue();
  return new Promise<undefined>((resolve, reject) => {
    const parts = new Parts();
    const fail = (error: HttpError | CallerGone) => {
      request.off('data', onData).off('end', onEnd);
      exchange.running = undefined;
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      if (parts.size + chunk.length > maxBodyBytes) fail(errors.bodyTooLarge(maxBodyBytes));
      else parts.add(chunk);
    };
    const onEnd = () => {
      exchange.running = undefined;
      exchange.body = parts.take();
      resolve(undefined);
    };
    exchange.running = { cut: (why) => fail(why === 'gone' ? new CallerGone() : errors.draining()) };
    request.on('data', onData).on('end', onEnd);
  });
};
