import { Agent, errors, request } from 'undici';
import type { FetchStatus, RequestDrain } from './prober.ts';

/** A status is about a kilobyte; what is larger is not one. */
const maxBytes = 65_536;

/** An agent that loads is asked each second. The rest is not worth a connection: to thousands of agents they take hundreds of megabytes. */
const keepAliveMs = 4_000;

/** Talks to agents over HTTP; connections are kept between two questions that soon follow each other. */
export class AgentClient {
  private readonly agent = new Agent({
    keepAliveTimeout: keepAliveMs,
    // Whatever longer time a server offers.
    keepAliveMaxTimeout: keepAliveMs,
    connect: { timeout: 2_000 },
    maxResponseSize: maxBytes,
  });

  readonly fetchStatus: FetchStatus = async (target, signal) => {
    const text = await this.call(target, 'GET', '/status', signal);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error('its answer is no JSON', { cause: error });
    }
  };

  readonly requestDrain: RequestDrain = async (target, signal) => {
    await this.call(target, 'POST', '/drain', signal);
  };

  close(): Promise<void> {
    return this.agent.destroy();
  }

  private async call(
    { host, managementPort }: Parameters<FetchStatus>[0],
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
  ): Promise<string> {
    const address = host.includes(':') ? `[${host}]` : host;
    try {
      const { statusCode, body } = await request(`http://${address}:${managementPort}${path}`, { method, dispatcher: this.agent, signal });
      const text = await body.text();
      if (statusCode !== 200 && statusCode !== 202) throw new Error(`it answered ${statusCode} to ${method} ${path}`);
      return text;
    } catch (error) {
      if (error instanceof errors.ResponseExceededMaxSizeError)
        throw new Error(`its answer is larger than ${maxBytes} bytes`, { cause: error });
      throw error;
    }
  }
}
