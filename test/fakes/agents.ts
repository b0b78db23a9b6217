import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AgentStatus, contractVersion } from '../../src/core/agent-contract.ts';

type Agent = { readonly phase: AgentStatus['phase']; readonly draining: boolean };

const since = '2026-01-01T00:00:00Z';

/**
 * The agents of any number of pods behind one socket: all of 127.0.0.0/8 is this machine, so each pod can have an address
 * of its own. An answer is made once for each state, so that what is measured is the one who asks.
 */
export class FakeAgents {
  private readonly server: Server;
  private readonly agents = new Map<string, Agent>();
  private readonly bodies = new Map<string, string>();
  private nextAddress = 0;
  /** How often an agent was asked. */
  questions = 0;

  private constructor() {
    this.server = createServer((request, response) => {
      const address = request.socket.localAddress ?? '';
      const agent = this.agents.get(address);
      if (!agent) {
        request.socket.destroy(); // nobody listens at the address of a pod that is gone
        return;
      }
      this.questions += 1;
      if (request.method === 'POST' && request.url === '/drain') this.agents.set(address, { ...agent, draining: true });
      const body = this.bodyOf(this.agents.get(address) ?? agent);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
      request.resume();
    });
  }

  static async start(): Promise<FakeAgents> {
    const agents = new FakeAgents();
    await new Promise<void>((resolve, reject) => agents.server.once('error', reject).listen(0, '0.0.0.0', resolve));
    return agents;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** An address that no agent has had before. */
  newAddress(): string {
    this.nextAddress += 1;
    return `127.${1 + (this.nextAddress >> 16)}.${(this.nextAddress >> 8) & 0xff}.${this.nextAddress & 0xff}`;
  }

  /** The agent at this address is in this phase from now on. */
  set(address: string, phase: AgentStatus['phase']): void {
    this.agents.set(address, { phase, draining: this.agents.get(address)?.draining ?? false });
  }

  remove(address: string): void {
    this.agents.delete(address);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private bodyOf({ phase, draining }: Agent): string {
    const key = `${phase} ${draining}`;
    const known = this.bodies.get(key);
    if (known !== undefined) return known;
    const body = JSON.stringify(statusOf(phase, draining));
    this.bodies.set(key, body);
    return body;
  }
}

function statusOf(phase: AgentStatus['phase'], draining: boolean): AgentStatus {
  const loaded = phase === 'Ready';
  return {
    contract: contractVersion,
    phase,
    percent: loaded ? 100 : 50,
    bytesDone: loaded ? 100 : 50,
    bytesTotal: 100,
    bytesPerSecond: null,
    etaSeconds: loaded ? 0 : null,
    startedAt: since,
    lastProgressAt: since,
    reason: null,
    message: null,
    model: 'fake',
    engine: 'llama',
    device: 'CPU',
    inFlight: 0,
    waiting: 0,
    draining,
  };
}
