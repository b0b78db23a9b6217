import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AgentStatus, contractVersion } from '../../../../src/core/agent-contract.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { type Curve, type Told, tell } from './curve.ts';

/** How an agent answers instead of telling the truth: any body, or no answer at all. */
export type Lie = (truth: AgentStatus, asked: number) => unknown;
export const silence = Symbol('silence');

/** The agent of one container: a real port, a scripted load, requests in flight that the test begins and ends. */
export class ScriptedAgent {
  inFlight = 0;
  waiting = 0;
  draining = false;
  /** Whether it takes any notice of `POST /drain`. */
  obedient = true;
  lie: Lie | undefined;
  /** How often it was asked for its status, and told to drain. */
  asked = 0;
  drainsAsked = 0;
  /** The last phase that it has told somebody. */
  told: Told | undefined;
  private readonly server: Server;
  private curve: Curve;
  private beganAt: number;
  private readonly startedAt: string;

  private constructor(server: Server, curve: Curve) {
    this.server = server;
    this.curve = curve;
    this.beganAt = systemClock.now();
    this.startedAt = new Date(this.beganAt).toISOString();
  }

  static async start(curve: Curve): Promise<ScriptedAgent> {
    const server = createServer();
    const agent = new ScriptedAgent(server, curve);
    server.on('request', (request, response) => agent.respond(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return agent;
  }

  get port(): number {
    const address = this.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the agent does not listen');
    return address.port;
  }

  /** Begins another load in the same container, as a worker does whose engine died. */
  play(curve: Curve): void {
    this.curve = curve;
    this.beganAt = systemClock.now();
  }

  get now(): Told {
    return tell(this.curve, systemClock.now() - this.beganAt);
  }

  /** What `/readyz` says. */
  get ready(): boolean {
    return !this.draining && this.now.phase === 'Ready';
  }

  status(): AgentStatus {
    const now = this.now;
    return {
      contract: contractVersion,
      bytesDone: null,
      bytesTotal: null,
      bytesPerSecond: null,
      etaSeconds: null,
      reason: null,
      message: null,
      device: null,
      ...now,
      phase: this.draining ? 'Draining' : now.phase,
      startedAt: this.startedAt,
      lastProgressAt: this.startedAt,
      model: 'qwen',
      engine: 'llama',
      inFlight: this.inFlight,
      waiting: this.waiting,
      draining: this.draining,
    };
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private respond(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.method === 'POST' && request.url === '/drain') {
      this.drainsAsked += 1;
      if (this.obedient) this.draining = true;
      this.answer(response, 202, this.status());
      return;
    }
    if (request.url !== '/status') {
      this.answer(response, 404, {});
      return;
    }
    this.asked += 1;
    const truth = this.status();
    const body = this.lie ? this.lie(truth, this.asked) : truth;
    if (body === silence) return;
    this.told = { ...this.now, phase: truth.phase };
    this.answer(response, 200, body);
  }

  private answer(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}
