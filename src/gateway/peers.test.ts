import { expect, test } from 'vitest';
import { InformerCache, KubeClient } from '../kube/index.ts';
import { FakeApiServer } from '../kube/testing/api-server.fake.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { startGateway } from './gateway.ts';
import { Peers } from './peers.ts';

function pod(name: string, ready: boolean) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'system', labels: { component: 'gateway' } },
    spec: { containers: [] },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

test('each gateway finds its own place in the same order', () => {
  const names = ['gw-c', 'gw-a', 'gw-b'];
  const ranks = names.map((own) => {
    const peers = new Peers(own);
    for (const name of names) peers.set(name, true);
    return peers.rank;
  });
  expect(ranks).toEqual([2, 0, 1].map((rank) => ({ rank, gateways: 3 })));
});

test('tells a change, and only a change', () => {
  const peers = new Peers('gw-b');
  const told: number[] = [];
  const unsubscribe = peers.subscribe(({ gateways }) => told.push(gateways));
  peers.set('gw-b', true);
  peers.set('gw-a', true);
  peers.set('gw-a', true);
  peers.set('gw-a', false);
  unsubscribe();
  peers.set('gw-a', true);
  expect(told).toEqual([2, 1]);
});

test('a gateway follows the pods of the others, and uses its share of the slots', async () => {
  const server = await FakeApiServer.start();
  const client = KubeClient.fromServer({ url: server.url });
  const cache = new InformerCache(client);
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  const peers = Peers.watch(cache, { selector: 'component=gateway', namespace: 'system', own: 'gw-b' });
  const gateway = await startGateway({ cache, port: 0, peers });
  const ranks: unknown[] = [];
  peers.subscribe((rank) => ranks.push(rank));

  server.put('pods', pod('gw-a', true));
  await eventually(() => expect(peers.rank).toEqual({ rank: 1, gateways: 2 }));
  server.put('pods', pod('gw-c', false));
  server.put('pods', pod('gw-a', false));
  await eventually(() => expect(peers.rank).toEqual({ rank: 0, gateways: 1 }));
  server.put('pods', pod('gw-c', true));
  await eventually(() => expect(peers.rank).toEqual({ rank: 0, gateways: 2 }));

  await gateway.close();
  stop.abort();
  await running;
  await client.close();
  await server.close();
});
