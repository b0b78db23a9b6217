import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type KubeObject, resourceType } from '../../../src/kube/index.ts';
import { round } from '../report.ts';
import { Arrivals } from './arrivals.ts';
import { countRequests, isWrite, type Kind } from './calls.ts';
import type { Options } from './options.ts';
import { type RampResult, ramp } from './ramp.ts';
import { namespace, openTestbed, type Testbed } from './testbed.ts';

export type BaselineResult = RampResult & { readonly writesPerDeployment: number; readonly rssMegabytes: number };

const deployments = resourceType<KubeObject & { readonly spec: unknown }>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
});

/** The same measurement of Kubernetes' own Deployments, with a controller manager that may ask as often as it likes. */
export async function measureBaseline(options: Options): Promise<BaselineResult> {
  await using testbed = await openTestbed(options);
  const stop = new AbortController();
  const arrivals = await Arrivals.follow(testbed.admin, (pod) => pod.metadata.labels?.app, stop.signal);
  const before = await controllerWrites(testbed);
  const result = await ramp(options, arrivals, (name) =>
    testbed.admin.apply(deployments, { metadata: { namespace, name }, spec: spec(name, options.replicas) }),
  );
  const rssMegabytes = await controllerManagerMegabytes(testbed);
  await untilQuiet(() => controllerWrites(testbed));
  const writesPerDeployment = round(((await controllerWrites(testbed)) - before) / options.deployments, 1);
  stop.abort();
  return { ...result, writesPerDeployment, rssMegabytes };
}

function spec(name: string, replicas: number): unknown {
  return {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'worker', image: 'fake' }] } },
  };
}

/** Writes that only the deployment controllers make, in all so far: the fake kubelets and the benchmark make none of these. */
async function controllerWrites(testbed: Testbed): Promise<number> {
  const theirs = ({ verb, resource }: Kind) =>
    /^replicasets|^events$|^deployments\/status$/.test(resource) ||
    (resource === 'deployments' && verb === 'PUT') ||
    (resource === 'pods' && verb !== 'DELETE');
  const counts = await countRequests(testbed, (kind) => isWrite(kind) && theirs(kind));
  return counts.values().reduce((total, count) => total + count, 0);
}

async function controllerManagerMegabytes({ cluster }: Testbed): Promise<number> {
  const record = join(dirname(dirname(cluster.kubeconfig)), 'processes', 'controller-manager.json');
  const { pid } = JSON.parse(await readFile(record, 'utf8')) as { readonly pid: number };
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024, 0);
}

/** Waits until a count stands still. */
async function untilQuiet(count: () => Promise<number>): Promise<void> {
  for (let before = -1, now = await count(), tries = 0; before !== now && tries < 30; tries++) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    now = await count();
  }
}
