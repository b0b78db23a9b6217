import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestApiServer } from '../../../test/fakes/api-server.ts';
import { aborted } from '../abort.ts';
import { KubeClient } from '../client/kube-client.ts';
import { leases } from '../client/resources.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { LeaderElection } from './leader-election.ts';
import { leaseStore } from './leader-election-lease.ts';

const ref = { namespace: 'default', name: 'controller' };
const leaseMs = 3_000;
const retryMs = 1_000;

let api: TestApiServer;
let clients: KubeClient[];

beforeEach(async () => {
  clients = [];
  api = await TestApiServer.start();
});

afterEach(async () => {
  for (const client of clients) await client.close();
  await api[Symbol.asyncDispose]();
});

function connect(): KubeClient {
  const client = KubeClient.fromServer(api.server);
  clients.push(client);
  return client;
}

function candidate(identity: string) {
  const client = connect();
  const stop = new AbortController();
  const election = new LeaderElection({ lease: leaseStore(client, ref), identity, leaseMs, renewDeadlineMs: 2_000, retryMs });
  const ended = election.lead(aborted, stop.signal);
  return { client, election, stop, ended };
}

test('one leads, and a release hands over at once', async () => {
  const reader = connect();
  const first = candidate('a');
  await eventually(() => first.election.leading);
  const second = candidate('b');
  const { spec } = await reader.get(leases, ref);
  expect(spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 3, leaseTransitions: 0 });
  await eventually(async () => expect((await reader.get(leases, ref)).spec?.renewTime).not.toBe(spec?.renewTime));
  expect([first.election.leading, second.election.leading]).toEqual([true, false]);

  first.stop.abort();
  await first.ended;
  const releasedAt = performance.now();
  await eventually(() => second.election.leading);
  expect(performance.now() - releasedAt).toBeLessThan(retryMs);
  expect((await reader.get(leases, ref)).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });

  second.stop.abort();
  await second.ended;
  expect((await reader.get(leases, ref)).spec?.holderIdentity).toBe('');
});

test('when the leader is killed, a standby takes over with the end of the lease', async () => {
  const first = candidate('a');
  await eventually(() => first.election.leading);
  const second = candidate('b');
  await first.client.close(); // nothing that it sends arrives any more
  const killedAt = performance.now();
  await eventually(() => second.election.leading);
  expect(first.election.leading).toBe(false);
  expect(performance.now() - killedAt).toBeLessThan(leaseMs + 500);
  first.stop.abort();
  second.stop.abort();
  await Promise.all([first.ended, second.ended]);
});
