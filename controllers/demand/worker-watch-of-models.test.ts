import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, KubeClient, Manager } from '../../src/kube/index.ts';
import { FakeApiServer } from '../../src/kube/testing/api-server.fake.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { modelDeployments } from '../modeldeployment/status-writer.ts';
import { agent, container, deployment, pod } from '../modeldeployment/testing/makers.fake.ts';
import { WorkerReports } from './worker-reports.ts';
import { addWorkerWatch } from './worker-watch.ts';

test('asks the workers of models that are scaled by their KV cache, and of no others, until they are gone', async () => {
  await using opened = new AsyncDisposableStack();
  const worker = createServer((_request, response) => {
    response.end(JSON.stringify(agent({ phase: 'Ready', kvCacheUsage: 0.7 })));
  }).listen(0, '127.0.0.1');
  await once(worker, 'listening');
  opened.defer(() => void worker.close());
  const api = await FakeApiServer.start();
  opened.defer(() => api.close());
  const client = KubeClient.fromServer({ url: api.url });
  opened.defer(() => client.close());

  const { port: management } = worker.address() as AddressInfo;
  const ready = [{ type: 'Ready', status: 'True' }];
  const put = (name: string, targetKVCacheUsage?: string) => {
    const scaling = { minReplicas: 1, maxReplicas: 2, ...(targetKVCacheUsage !== undefined && { targetKVCacheUsage }) };
    const { uid = '' } = api.put('modeldeployments', deployment({ scaling }, { name })).metadata;
    const owner = { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name, uid, controller: true };
    const annotations = { 'modelfleet.dev/ports': JSON.stringify({ http: 1, management }) };
    api.put(
      'pods',
      pod(`${name}-a`, {
        metadata: { annotations, ownerReferences: [owner] },
        status: { phase: 'Running', podIP: '127.0.0.1', conditions: ready, containerStatuses: [container({ running: {} })] },
      }),
    );
  };
  put('chat', '0.8');
  put('sql');

  const cache = new InformerCache(client);
  const reports = new WorkerReports(systemClock);
  const manager = new Manager({ logger: silentLogger });
  manager.addCache(cache);
  const deployments = cache.informer(modelDeployments).store;
  addWorkerWatch({}, { manager, cache, deployments, reports, clock: systemClock, logger: silentLogger });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  opened.defer(async () => {
    stop.abort();
    await running;
  });

  await eventually(() => expect(reports.of('models/chat').kvCache).toMatchObject({ usage: 0.7 }));
  expect(reports.of('models/sql').kvCache).toBeUndefined();
  api.remove('pods', 'models', 'chat-a');
  await eventually(() => expect(reports.of('models/chat').kvCache).toBeUndefined());
});
