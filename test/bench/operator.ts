import { setTimeout as sleep } from 'node:timers/promises';
import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import { isReplicaReady } from '../../src/api/replica.ts';
import { labels } from '../../src/api/resources.ts';
import { pods } from '../../src/kube/index.ts';
import { Arrivals } from './operator/arrivals.ts';
import { measureBaseline } from './operator/baseline.ts';
import { countRequests, isWrite, type Kind, since } from './operator/calls.ts';
import { ControllerProcess, histogramQuantile } from './operator/controller-process.ts';
import { readOptions } from './operator/options.ts';
import { ramp } from './operator/ramp.ts';
import { measureResume } from './operator/resume.ts';
import { namespace, openTestbed, type Testbed } from './operator/testbed.ts';
import { printReport, round } from './report.ts';

// What a fleet costs the controller: deployments applied at a steady rate to a real API server with pretended nodes,
// then silence, then restarts. API server, etcd, nodes and controller share this machine.

const settleWithinMs = 360_000;
const quietMs = 10_000;

const options = readOptions(process.argv.slice(2));
const ours = await measure();
const baseline = options.baseline ? await measureBaseline(options) : undefined;

const { writesByKind, ...results } = ours;
printReport({
  title: `operator: ${options.deployments} × ${options.replicas} at ${options.rate}/s`,
  columns: baseline ? ['what', 'modelfleet', 'apps/v1 Deployment'] : ['what', 'modelfleet'],
  rows: [
    ...Object.entries(results).map(([what, value]) => (baseline ? [what, value, cellOf(baseline, what)] : [what, value])),
    ...Object.entries(writesByKind).map(([kind, count]) => [`  ${kind}`, round(count / options.deployments, 2)]),
  ],
  results: {
    deployments: options.deployments,
    replicas: options.replicas,
    rate: options.rate,
    ...results,
    writesByKind,
    ...(baseline && { baseline }),
  },
});

async function measure() {
  await using testbed = await openTestbed(options);
  const stop = new AbortController();
  const arrivals = await Arrivals.follow(testbed.admin, (pod) => pod.metadata.labels?.[labels.model], stop.signal);
  let controller = await ControllerProcess.launch(testbed, options.profile);
  try {
    await controller.leads();
    const before = { requests: await controller.requests(), kinds: await countRequests(testbed, isOurs) };
    const cpuBefore = await controller.cpuSeconds();
    const applied = await ramp(options, arrivals, (name) =>
      testbed.admin.apply(modelDeployments, {
        metadata: { namespace, name },
        spec: { model: { source: `https://models.example.com/${name}.gguf` }, engine: { device: 'CPU' }, replicas: options.replicas },
      }),
    );
    await settle(testbed, controller);
    const loadCpuSeconds = (await controller.cpuSeconds()) - cpuBefore;
    const requests = await controller.requests();
    const [reads, writes] = [requests.reads - before.requests.reads, requests.writes - before.requests.writes];
    const writesByKind = since(before.kinds, await countRequests(testbed, isOurs));
    const reconcileP99 = histogramQuantile(
      await controller.metrics(),
      'controller_runtime_reconcile_time_seconds',
      'modeldeployment',
      0.99,
    );
    const idle = await measureIdle(controller);
    const memory = await controller.memory();
    const resumed = await measureResume(options, testbed, arrivals, controller);
    controller = resumed.last;
    return {
      ...applied,
      reconcileP99Millis: round(reconcileP99 * 1_000, 0),
      apiCallsPerDeployment: round((reads + writes) / options.deployments, 1),
      writesPerDeployment: round(writes / options.deployments, 1),
      readsPerDeployment: round(reads / options.deployments, 1),
      cpuMillisPerDeployment: round((loadCpuSeconds * 1_000) / options.deployments, 0),
      rssMegabytes: round(memory.peakMegabytes, 0),
      rssIdleMegabytes: round(memory.megabytes, 0),
      ...idle,
      ...resumed.result,
      writesByKind,
    };
  } catch (error) {
    throw new Error(`the measurement failed; the end of the controller's log:\n${await controller.lastWords()}`, { cause: error });
  } finally {
    stop.abort();
    await controller.end('SIGTERM');
  }
}

/** Waits until every deployment is Ready and the controller has written nothing for a while. */
async function settle(testbed: Testbed, controller: ControllerProcess): Promise<void> {
  const until = Date.now() + settleWithinMs;
  for (let last = { writes: -1, at: 0 }; ; await sleep(2_000)) {
    const { writes } = await controller.requests();
    if (writes !== last.writes) last = { writes, at: Date.now() };
    const quiet = Date.now() - last.at >= quietMs;
    if (quiet && (await unready(testbed)).length === 0) return;
    if (Date.now() < until) continue;
    const late = await unready(testbed);
    const { items } = await testbed.admin.list(pods, { namespace });
    const running = items.filter(({ status }) => status?.phase === 'Running').length;
    throw new Error(
      `${settleWithinMs / 1_000} s after the last pod the controller ${quiet ? 'writes nothing' : 'still writes'}, and ${late.length} deployments are not Ready, ` +
        `such as ${JSON.stringify(late[0]?.status)}. ${items.length} pods are there, ${running} run, ${items.filter(isReplicaReady).length} are ready.`,
    );
  }
}

/** Writes that only our controller makes: the fake kubelets and the benchmark make none of these. */
function isOurs(kind: Kind): boolean {
  const { verb, resource } = kind;
  if (!isWrite(kind)) return false;
  if (resource === 'modeldeployments') return verb === 'PATCH';
  return (
    /^(modeldeployments\/status|controllerrevisions|poddisruptionbudgets|horizontalpodautoscalers|events)$/.test(resource) ||
    (resource === 'pods' && verb !== 'DELETE')
  );
}

async function unready({ admin }: Testbed) {
  const { items } = await admin.list(modelDeployments, { namespace });
  return items.filter(({ status }) => status?.phase !== 'Ready');
}

async function measureIdle(controller: ControllerProcess) {
  const { writes: before } = await controller.requests();
  const [began, cpuBefore] = [Date.now(), await controller.cpuSeconds()];
  await sleep(options.idleSeconds * 1_000);
  const [ended, cpuAfter] = [Date.now(), await controller.cpuSeconds()];
  const seconds = (ended - began) / 1_000;
  const { writes: after } = await controller.requests();
  return {
    idleCpuPercent: round(((cpuAfter - cpuBefore) / seconds) * 100, 2),
    idleWritesPerMinute: round(((after - before) / seconds) * 60, 1),
  };
}

function cellOf(results: Readonly<Record<string, number>>, what: string): number | string {
  return results[what] ?? '';
}
