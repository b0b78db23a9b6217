import { request } from 'node:http';
import type { FetchStatus, RequestDrain } from './prober.ts';

/** A status is about a kilobyte; what is larger is not one. */
const maxBytes = 65_536;

/** Asks an agent over HTTP. */
export const fetchStatus: FetchStatus = async (target, signal) => {
  const text = await call(target, 'GET', '/status', signal);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error('its answer is no JSON', { cause: error });
  }
};

/** Tells an agent over HTTP to drain. */
export const requestDrain: RequestDrain = async (target, signal) => {
  await call(target, 'POST', '/drain', signal);
};

/** One connection for one question: kept ones, to thousands of agents, take hundreds of megabytes, and most agents are asked rarely. */
function call(
  { host, managementPort: port }: Parameters<FetchStatus>[0],
  method: 'GET' | 'POST',
  path: string,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    // Not by the option `signal`: that makes an error with a stack also for what has ended in time.
    const onAbort = () => asking.destroy(signal.reason);
    const fail = (error: unknown) => reject(signal.aborted ? signal.reason : error);
    const asking = request({ host, port, method, path, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.length > maxBytes) answer.destroy(new Error(`its answer is larger than ${maxBytes} bytes`));
      });
      answer.once('error', fail).once('end', () => {
        const { statusCode } = answer;
        if (statusCode === 200 || statusCode === 202) resolve(text);
        else reject(new Error(`it answered ${statusCode} to ${method} ${path}`));
      });
    });
    asking.once('error', fail).once('close', () => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    asking.end();
  });
}
