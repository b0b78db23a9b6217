import { createLogger } from '../../../src/core/logger.ts';
import { InformerCache, KubeClient, loadKubeConfig, Manager } from '../../../src/kube/index.ts';
import { FakeAgents } from '../../fakes/agents.ts';
import { FakeKubelet } from '../../fakes/kubelet.ts';

// Scheduler, kubelets and agents of pretended nodes in a process of their own. Arguments: kubeconfig, nodes, milliseconds to start and to load.
// Prints the agents' port when the nodes are there.
const [path = '', count = '100', startMs = '0', loadMs = '1000'] = process.argv.slice(2);

/** As kube-scheduler: the limit of its client (`clientConnection.qps`) unless it is configured. */
const bindsPerSecond = 50;

const logger = createLogger('fake-kubelet', { level: 'warn' });
const client = KubeClient.fromKubeConfig(await loadKubeConfig({ path }), { fieldManager: 'fake-kubelet' });
const cache = new InformerCache(client, { logger });
const agents = await FakeAgents.start();
const names = Array.from({ length: Number(count) }, (_, index) => `fake-${index}`);
const times = { bindsPerSecond, startMs: Number(startMs), loadMs: Number(loadMs) };
const kubelet = new FakeKubelet({ client, cache, agents, nodes: names, bind: 'subresource', ...times, logger });
await kubelet.register();

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const manager = new Manager({ logger });
manager.addCache(cache);
manager.addController(() => kubelet.controller);
console.log(agents.port);
await manager.run(stop.signal);
await agents.close();
await client.close();
