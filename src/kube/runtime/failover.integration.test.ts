import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../core/logger.ts';
import { type RunningApiServer, startApiServer } from '../../local/apiserver/server.ts';
import { InformerCache } from '../cache/informer-cache.ts';
import { KubeClient } from '../client/kube-client.ts';
import { configMaps } from '../client/resources.ts';
import { parseKey } from '../client/types.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { Controller } from './controller.ts';
import { LeaderElection } from './leader-election.ts';
import { leaseStore } from './leader-election-lease.ts';
import { Manager } from './manager.ts';
import { done } from './result.ts';
import { forType } from './sources.ts';

// Programs of the kernel against an API server that is really stopped, and started again at the same address.

const namespace = 'default';
let folder: string;
let server: RunningApiServer;
let programs: { end(): Promise<void> }[];

beforeEach(async () => {
  programs = [];
  folder = await mkdtemp(join(tmpdir(), 'failover-'));
  server = await startApiServer({ stateDir: folder, logger: silentLogger });
});

afterEach(async () => {
  for (const program of programs) await program.end();
  await server.close();
  await rm(folder, { recursive: true });
});

const restart = async () => {
  server = await startApiServer({ stateDir: folder, logger: silentLogger, port: server.port });
};

/**
 * Gives every ConfigMap labelled `parent` one child of a random name. It knows its own children by its memory until the
 * cache shows them, as real controllers do: so a second child tells of a stale cache or a stale memory.
 */
function start(identity: string) {
  const connect = (beforeWrite?: () => void) => KubeClient.fromServer(server, { fieldManager: 'test', beforeWrite });
  const electionClient = connect();
  const election = new LeaderElection({
    lease: leaseStore(electionClient, { namespace, name: 'program' }),
    identity,
    leaseMs: 3_000,
    renewDeadlineMs: 2_000,
    retryMs: 500,
  });
  const client = connect(() => election.assertLeading());
  const cache = new InformerCache(client);
  const parents = cache.informer(configMaps, { labelSelector: 'parent' });
  const children = cache.informer(configMaps, { labelSelector: 'child-of' });
  let terms = 0;
  const make = () => {
    terms += 1;
    const made = new Set<string>();
    return new Controller({
      name: 'children',
      sources: [forType(parents)],
      async reconcile(key, { signal }) {
        const { name } = parseKey(key);
        const known = children.store.list().some(({ metadata }) => metadata.labels?.['child-of'] === name);
        if (!parents.store.get(key) || known || made.has(key)) return done();
        await client.create(configMaps, { metadata: { namespace, generateName: `${name}-`, labels: { 'child-of': name } } }, { signal });
        made.add(key);
        return done();
      },
    });
  };
  const manager = new Manager({ leaderElection: election });
  manager.addCache(cache);
  manager.addController(make);
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
    await Promise.all([client.close(), electionClient.close()]);
  };
  const program = { election, manager, cache, end, terms: () => terms };
  programs.push(program);
  return program;
}

async function withClient<T>(use: (client: KubeClient) => Promise<T>): Promise<T> {
  const client = KubeClient.fromServer(server);
  return use(client).finally(() => client.close());
}

const createParent = (name: string) =>
  withClient((client) => client.create(configMaps, { metadata: { namespace, name, labels: { parent: 'yes' } } }));

const childrenOf = (name: string) =>
  withClient(async (client) =>
    (await client.list(configMaps, { namespace, labelSelector: `child-of=${name}` })).items.map(({ metadata }) => metadata.uid),
  );

test('an API server that goes for longer than the lease ends the term, not the program: it leads again and makes nothing twice', async () => {
  const program = start('a');
  await createParent('first');
  await eventually(async () => expect(await childrenOf('first')).toHaveLength(1));
  const before = await childrenOf('first');

  await server.close();
  await eventually(() => !program.election.leading);
  expect(program.manager.ready).toBe(true);

  await restart();
  await createParent('second');
  await eventually(async () => expect(await childrenOf('second')).toHaveLength(1), 20_000);
  expect(await childrenOf('first')).toEqual(before);
  expect([program.election.leading, program.terms()]).toEqual([true, 2]);
});

test('a program that starts before its API server waits for it, and says so', async () => {
  await server.close();
  const program = start('a');
  await eventually(() =>
    expect(program.manager.waitingFor).toEqual(Array(2).fill(expect.stringMatching(/^configmaps \(GET .*ECONNREFUSED/))),
  );
  expect(program.manager.ready).toBe(false);
  await restart();
  await eventually(() => program.manager.ready);
  await createParent('first');
  await eventually(async () => expect(await childrenOf('first')).toHaveLength(1));
});

test('a leader begins with all that was written before its term, however far behind its watches are', async () => {
  const first = start('a');
  await eventually(() => first.election.leading);
  const second = start('b');
  await eventually(() => second.manager.ready);
  const watched = { resource: 'configmaps', verb: 'watch' } as const;
  server.faults.next(watched, { kind: 'slow', ms: 60_000 }, 4);
  server.faults.cutWatches(watched);
  await createParent('first');
  await first.end();
  await eventually(async () => expect(await childrenOf('first')).toHaveLength(1));
  expect(second.election.leading).toBe(true);
});
