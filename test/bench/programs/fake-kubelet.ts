import { setInterval } from 'node:timers/promises';
import { createLogger } from '../../../src/core/logger.ts';
import { InformerCache, isAlreadyExists, KubeClient, leases, loadKubeConfig, Manager, microTimestamp } from '../../../src/kube/index.ts';
import { FakeAgents } from '../../fakes/agents.ts';
import { FakeKubelet } from '../../fakes/kubelet.ts';

// Scheduler, kubelets and agents of pretended nodes in a process of their own. Arguments: kubeconfig, nodes, milliseconds to load.
// Prints the agents' port when the nodes are there.
const [path = '', count = '100', loadMs = '1000'] = process.argv.slice(2);
// Kubernetes takes a node for lost after 40 s without a renewal.
const renewMs = 20_000;

const logger = createLogger('fake-kubelet', { level: 'warn' });
const client = KubeClient.fromKubeConfig(await loadKubeConfig({ path }), { fieldManager: 'fake-kubelet' });
const cache = new InformerCache(client, { logger });
const agents = await FakeAgents.start();
const names = Array.from({ length: Number(count) }, (_, index) => `fake-${index}`);
const kubelet = new FakeKubelet({ client, cache, agents, nodes: names, bind: 'subresource', loadMs: Number(loadMs), logger });
await kubelet.register();
await renew();

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const manager = new Manager({ logger });
manager.addCache(cache);
manager.addController(() => kubelet.controller);
manager.addRunnable({ name: 'heartbeats', run: beat });
console.log(agents.port);
await manager.run(stop.signal);
await agents.close();
await client.close();

async function beat(signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of setInterval(renewMs, undefined, { signal })) await renew();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function renew(): Promise<void> {
  const namespace = 'kube-node-lease';
  for (const name of names) {
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTimestamp(Date.now()) };
    try {
      await client.create(leases, { metadata: { namespace, name }, spec });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await client.mergePatch(leases, { namespace, name }, { spec });
    }
  }
}
