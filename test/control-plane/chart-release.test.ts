import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { chart } from '../chart/chart.ts';
import { type Cluster, openControlPlane } from '../cluster/cluster.ts';
import { type HelmVersion, helm, helmRuns } from '../fakes/helm.ts';
import { kubectl } from '../fakes/kubectl.ts';

// A control plane of its own: a release owns the definitions, which the tests beside this one have as well. Never a cluster of others.
const possible = inject('kubeconfig') !== '' && helmRuns && !process.env.E2E_KUBECONFIG;
const name = 'modelfleet';
const namespace = 'modelfleet-system';
const deploymentsCrd = 'modeldeployments.modelfleet.dev';
const scaled = ['--set', 'gateway.autoscaling.enabled=true'];

const model = {
  apiVersion: 'modelfleet.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name: 'smollm2', namespace: 'default' },
  spec: { model: { source: 'https://models.example.com/smollm2.gguf' }, engine: { device: 'CPU' } },
};

let cluster: Cluster;
let folder: string;
/** The chart of the next version, whose definition has one more short name. */
let next: string;

async function run(args: readonly string[], object?: unknown): Promise<string> {
  const result = await kubectl(cluster.kubeconfig, args, object === undefined ? {} : { stdin: JSON.stringify(object) });
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

describe.skipIf(!possible)('a release of the chart', () => {
  beforeAll(async () => {
    cluster = await openControlPlane();
    folder = await mkdtemp(join(tmpdir(), 'modelfleet-release-'));
    next = join(folder, 'next');
    await cp(chart, next, { recursive: true });
    await edit(join(next, 'Chart.yaml'), /^version: .*$/m, 'version: 99.0.0');
    await edit(join(next, `files/crds/modelfleet.dev_modeldeployments.yaml`), '      - mdep\n', '      - mdep\n      - mdepl\n');
  }, 120_000);

  afterAll(async () => {
    await cluster?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  describe.each<HelmVersion>([4, 3])('by Helm %i', (version) => {
    const release = async (...args: readonly string[]) => {
      const { stdout, stderr, code } = await helm(cluster.kubeconfig, [...args, '--namespace', namespace], { version });
      if (code !== 0) throw new Error(`helm ${version} ${args.join(' ')}: ${stderr}`);
      return stdout + stderr;
    };
    const replicas = async () => run(['get', 'deployment', 'modelfleet-gateway', '-n', namespace, '-o', 'jsonpath={.spec.replicas}']);

    test('is installed with what to type next', { timeout: 60_000 }, async () => {
      const notes = await release('install', name, chart, '--create-namespace');
      for (const words of [
        'modelfleet keys create',
        'kubectl apply -f -',
        'wait --for=condition=Ready mdep/',
        'port-forward',
        '/v1/chat/completions',
      ])
        expect(notes).toContain(words);
      await run(['wait', '--for=condition=Established', `crd/${deploymentsCrd}`, '--timeout=20s']);
    });

    test('upgrades the definitions, and takes nothing from the operator or an autoscaler', { timeout: 120_000 }, async () => {
      await run(['create', '-f', '-'], model);
      const status = { phase: 'Pending', observedGeneration: 1 };
      const operator = ['--field-manager=modelfleet-controller', '--subresource=status', '--server-side'];
      await run(['apply', ...operator, '-f', '-'], { apiVersion: model.apiVersion, kind: model.kind, metadata: model.metadata, status });
      await release('upgrade', name, chart, ...scaled);
      await run(['scale', 'deployment/modelfleet-gateway', '-n', namespace, '--replicas=5']);

      const token = () => run(['get', 'secret', 'modelfleet-stats-token', '-n', namespace, '-o', 'jsonpath={.data.token}']);
      const made = await token();
      expect(Buffer.from(made, 'base64').toString()).toMatch(/^[A-Za-z0-9]{48}$/);

      await release('upgrade', name, next, ...scaled, '--set', 'logLevel=debug');

      expect(await token()).toBe(made);

      expect(await run(['get', 'crd', deploymentsCrd, '-o', 'jsonpath={.spec.names.shortNames}'])).toBe('["mdep","mdepl"]');
      expect(await replicas()).toBe('5');
      expect(await run(['get', deploymentsCrd, '-n', 'default', '-o', 'jsonpath={.items[*].status.phase}'])).toBe('Pending');
      // The operator can go on writing, by force or without.
      await run(['apply', ...operator, '-f', '-'], {
        apiVersion: model.apiVersion,
        kind: model.kind,
        metadata: model.metadata,
        status: { ...status, phase: 'Loading' },
      });
      await release('rollback', name, '1');
      expect(await run(['get', 'crd', deploymentsCrd, '-o', 'jsonpath={.spec.names.shortNames}'])).toBe('["mdep"]');
      expect(await replicas()).toBe('2');
    });

    test('changes what gateways share, log, show and believe', { timeout: 60_000 }, async () => {
      const values = {
        redis: { secretName: 'redis', caSecretName: 'redis-tls' },
        responseCache: { store: 'redis' },
        usageStream: { name: 'modelfleet:usage' },
        usageLog: { enabled: true, output: 'file' },
        admin: { enabled: true, tokenSecretName: 'admin' },
        proxyProtocol: { enabled: true, from: ['192.0.2.0/24'] },
        corsOrigins: ['*'],
      };
      await release('upgrade', name, chart, '--set-json', `gateway=${JSON.stringify(values)}`);
      const pod = ['get', 'deployment', 'modelfleet-gateway', '-n', namespace, '-o'];
      const names = (path: string) => run([...pod, `jsonpath={.spec.template.spec.${path}[*].name}`]);
      expect(await names('containers[0].env')).toBe('MODELFLEET_LOG_LEVEL MODELFLEET_REDIS_URL POD_NAME');
      expect(await names('volumes')).toBe('tmp stats-token admin-token redis-ca usage');
      await release('upgrade', name, chart, '--reset-values');
      expect(await names('volumes')).toBe('tmp stats-token');
    });

    test('leaves the definitions and what they define when it goes, says so, and takes them up again', { timeout: 120_000 }, async () => {
      expect(await release('uninstall', name)).toMatch(/kept.*modeldeployments\.modelfleet\.dev.*tenants\.modelfleet\.dev/s);
      expect(await run(['get', deploymentsCrd, '-A', '-o', 'name'])).toContain('smollm2');
      expect(await run(['get', 'deployments,services,roles,rolebindings,networkpolicies,pdb', '-n', namespace, '-o', 'name'])).toBe('');
      expect(await run(['get', 'clusterroles,clusterrolebindings', '-l', 'app.kubernetes.io/part-of=modelfleet', '-o', 'name'])).toBe('');

      await release('install', name, chart);
      expect(await run(['get', deploymentsCrd, '-A', '-o', 'name'])).toContain('smollm2');
    });

    test('takes all with it once told to, after a warning', { timeout: 120_000 }, async () => {
      expect(await release('upgrade', name, chart, '--set', 'crds.keep=false')).toMatch(/CAREFUL: .*EVERY ModelDeployment and Tenant/);
      expect(await release('uninstall', name, '--wait')).not.toContain('kept');
      await run(['wait', '--for=delete', `crd/${deploymentsCrd}`, '--timeout=20s']);
    });
  });

  test('goes over from Helm 3 to Helm 4', { timeout: 120_000 }, async () => {
    const place = ['--namespace', namespace];
    for (const [version, verb] of [
      [3, 'install'],
      [4, 'upgrade'],
    ] as const) {
      const result = await helm(cluster.kubeconfig, [verb, name, version === 3 ? chart : next, ...place], { version });
      expect(result).toMatchObject({ stderr: '', code: 0 });
    }
    const serverSide = ['upgrade', name, chart, ...place, '--server-side=true', '--set', 'logLevel=debug'];
    expect(await helm(cluster.kubeconfig, serverSide, { version: 4 })).toMatchObject({ code: 0 });
  });
});

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`${file} has not what the test changes`);
  await writeFile(file, edited);
}
