import { Agent, request } from 'undici';
import type { FetchStatus } from './prober.ts';

/** A status is about a kilobyte; what is larger is not one. */
const maxBytes = 65_536;

/** Asks agents over HTTP; connections are kept between two questions. */
export class AgentClient {
  private readonly agent = new Agent({ keepAliveTimeout: 15_000, connect: { timeout: 2_000 }, maxResponseSize: maxBytes });

  readonly fetchStatus: FetchStatus = async ({ host, managementPort }, signal) => {
    const address = host.includes(':') ? `[${host}]` : host;
    const { statusCode, body } = await request(`http://${address}:${managementPort}/status`, { dispatcher: this.agent, signal });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`the agent at ${address}:${managementPort} answered ${statusCode}`);
    return JSON.parse(text);
  };

  close(): Promise<void> {
    return this.agent.destroy();
  }
}
