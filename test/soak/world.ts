import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelDeploymentController } from '../../controllers/modeldeployment/controller.ts';
import { customResourceDefinitions } from '../../src/api/crd/definitions.ts';
import type { Clock } from '../../src/core/clock.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import { EventRecorder, InformerCache, isAlreadyExists, KubeClient, LeadershipLost, Manager, namespaces } from '../../src/kube/index.ts';
import type { Faults } from '../../src/local/apiserver/faults.ts';
import { type RunningApiServer, startApiServer } from '../../src/local/apiserver/server.ts';
import { GarbageCollector } from '../../src/local/gc/garbage-collector.ts';
import { applyManifest, parseManifest } from '../../src/local/manifests.ts';
import { FakeAgents } from '../fakes/agents.ts';
import { FakeKubelet } from '../fakes/kubelet.ts';

/** Where the deployments are. The controller asks for this namespace alone, so that faults can be for it and for nobody else. */
export const namespace = 'soak';

// Enough to resume a watch after a restart, and soon full: what grows after that is a leak.
const historySize = 512;
/** Lease less renewal deadline (client-go). */
const betweenTermsMs = 5_000;

type Part = { readonly stop: AbortController; readonly ended: Promise<void> };

/** An API server that can be made to fail, a cluster behind it, and the controller as a program would run it. All in this process. */
export class World implements AsyncDisposable {
  readonly faults: Faults;
  readonly clock: Clock;
  /** For who edits and who judges: faults are not for it unless they name its requests. */
  readonly admin: KubeClient;
  private readonly stateDir: string;
  private readonly logger: Logger;
  private readonly agents: FakeAgents;
  private readonly clients: KubeClient[] = [];
  private server: RunningApiServer;
  private controller: Part | undefined;
  private term = new AbortController();
  private mayLeadAt = 0;
  private cluster: readonly Part[] = [];

  private constructor(server: RunningApiServer, agents: FakeAgents, options: { stateDir: string; clock: Clock; logger: Logger }) {
    this.server = server;
    this.faults = server.faults;
    this.agents = agents;
    this.stateDir = options.stateDir;
    this.clock = options.clock;
    this.logger = options.logger;
    this.admin = this.connect('soak');
  }

  static async open(clock: Clock, logger: Logger = silentLogger): Promise<World> {
    const stateDir = await mkdtemp(join(tmpdir(), 'modelfleet-soak-'));
    const server = await startApiServer({ stateDir, logger: silentLogger, clock, historySize });
    const world = new World(server, await FakeAgents.start(), { stateDir, clock, logger });
    await world.prepare();
    return world;
  }

  /** Ends the API server and starts it again on what it had stored, at the same address. */
  async restartServer(): Promise<void> {
    const { port } = this.server;
    await this.server.close();
    this.server = await startApiServer({
      stateDir: this.stateDir,
      logger: silentLogger,
      clock: this.clock,
      faults: this.faults,
      port,
      historySize,
    });
  }

  /** Ends the controller in good order and starts another one, which remembers nothing. */
  async restartController(): Promise<void> {
    await end(this.controller);
    this.startController();
  }

  /** Ends the controller's leadership, which it wins again as soon as that may be. */
  endTerm(): void {
    this.mayLeadAt = this.clock.now() + betweenTermsMs;
    this.term.abort(new LeadershipLost('another leads'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.faults.clear();
    await end(this.controller);
    await Promise.all(this.cluster.map(end));
    await Promise.all(this.clients.map((client) => client.close()));
    await this.agents.close();
    await this.server.close();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  private async prepare(): Promise<void> {
    for (const [name, definition] of Object.entries(customResourceDefinitions()))
      await applyManifest(this.admin, parseManifest(definition, name), { fieldManager: 'soak', force: true });
    await this.admin.create(namespaces, { metadata: { name: namespace } }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    const { clock, agents, logger } = this;
    const client = this.connect('fake-kubelet');
    const cache = new InformerCache(client, { clock });
    const kubelet = new FakeKubelet({
      client,
      cache,
      agents,
      nodes: ['one', 'two'],
      bind: 'patch',
      loadMs: 1_000,
      logger: silentLogger,
      clock,
    });
    await kubelet.register();
    const kubelets = new Manager({ clock, logger });
    kubelets.addCache(cache);
    kubelets.addController(() => kubelet.controller);
    const collector = new GarbageCollector({ client: this.connect('garbage-collector'), logger: silentLogger, clock });
    this.cluster = [start((signal) => kubelets.run(signal)), start((signal) => collector.run(signal))];
    this.startController();
  }

  private startController(): void {
    const { clock, logger } = this;
    const client = KubeClient.fromServer(this.server, { fieldManager: 'modelfleet-controller', clock });
    const cache = new InformerCache(client, { clock, logger });
    const events = new EventRecorder({ client, component: 'modelfleet-controller', clock, logger });
    const leaderElection = {
      lead: (work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) => this.leadInTerms(work, signal),
      tried: async () => {},
      leading: false,
    };
    const manager = new Manager({ clock, logger, leaderElection });
    manager.addCache(cache);
    manager.addController(() => modelDeploymentController({ client, cache, events, namespace, workerImage: 'fake', clock, logger }));
    this.controller = start(async (signal) => {
      await manager.run(signal);
      events.close();
      await client.close();
    });
  }

  private async leadInTerms(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // As a LeaderElection does, also that of another process: what the work of a lost term had sent has arrived before the next one looks.
      await this.clock.sleep(Math.max(0, this.mayLeadAt - this.clock.now()), signal).catch(() => {}); // ended: the next line sees it
      if (signal.aborted) return;
      this.term = new AbortController();
      await work(AbortSignal.any([signal, this.term.signal]));
    }
  }

  private connect(fieldManager: string): KubeClient {
    const client = KubeClient.fromServer(this.server, { fieldManager, clock: this.clock });
    this.clients.push(client);
    return client;
  }
}

function start(run: (signal: AbortSignal) => Promise<void>): Part {
  const stop = new AbortController();
  return { stop, ended: run(stop.signal) };
}

async function end(part: Part | undefined): Promise<void> {
  part?.stop.abort();
  await part?.ended;
}
