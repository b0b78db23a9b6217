import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Asker, ask } from '../../../src/metrics-api/testing/ask.fake.ts';
import { makeAuthority, makeClient } from '../../../src/metrics-api/testing/pki.fake.ts';
import { pairOf } from '../../control-plane/metrics-api/served.ts';
import { startModelfleet } from '../../fakes/command.ts';
import { metricPath, requestsInSystem } from './harness/autoscaling.ts';
import { denials, now } from './harness/denials.ts';
import { apply, freshNamespace, kube, kubeconfig, onCluster, ours, read } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled, system } from './harness/release.ts';

// Who may read what scales a model: asked at the address of a controller's pod, past the API server, and through it.

const namespace = 'e2e-autoscaling-access';
const model = 'smollm2';
const service = 'modelfleet-metrics-api';
const servedPort = 8443;
const path = metricPath(namespace, model);
const masters = { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' };

onCluster('the metrics of a model', () => {
  let since: number;
  let folder: string;
  let ca: string;
  let host: string;

  beforeAll(async () => {
    since = await now();
    folder = await mkdtemp(join(tmpdir(), 'modelfleet-access-'));
    await ensureInstalled();
    await freshNamespace(namespace);
    const scaling = { minReplicas: 0, maxReplicas: 2 };
    await apply(smollm2(namespace, model, 'https://models.example.com/smollm2.gguf', { replicas: 0, scaling }));
    await kube(['wait', '--for=condition=Available', 'apiservice/v1beta1.external.metrics.k8s.io', '--timeout=60s']);
    const { data } = await read<{ data: Record<string, string> }>('secret', `${service}-tls`, '-n', system);
    ca = Buffer.from(data['ca.crt'] ?? '', 'base64').toString();
    const { items } = await read<{ items: Pod[] }>('pods', '-n', system, '-l', 'app.kubernetes.io/component=controller');
    host = items[0]?.status?.podIP ?? '';
  }, 300_000);
  afterAll(async () => {
    await kube(['delete', 'namespace', namespace, '--wait=false']);
    await rm(folder, { recursive: true, force: true });
  });

  const direct = (asker: Omit<Asker, 'ca' | 'host'>): Promise<Answer> =>
    ask(servedPort, `${service}.${system}.svc`, path, { ca, host, ...asker });

  async function account(name: string, role?: string): Promise<string> {
    await kube(['create', 'serviceaccount', name, '-n', namespace]);
    if (role !== undefined)
      await kube(['create', 'rolebinding', name, `--clusterrole=${role}`, `--serviceaccount=${namespace}:${name}`, '-n', namespace]);
    return (await kube(['create', 'token', name, '-n', namespace])).trim();
  }

  test('are told to who may view models', async () => {
    const answer = JSON.parse(await kube(['get', '--raw', path]));
    expect(answer).toMatchObject({ kind: 'ExternalMetricValueList', items: [{ metricName: requestsInSystem, value: '0' }] });
    const viewer = await account('viewer', 'view');
    expect(
      await kube([
        'auth',
        'can-i',
        'list',
        `${requestsInSystem}.external.metrics.k8s.io`,
        '--as',
        `system:serviceaccount:${namespace}:viewer`,
        '-n',
        namespace,
      ]),
    ).toBe('yes\n');

    const text = await asUser(viewer, 'explain', `mdep/${model}`, '-n', namespace);
    expect(text).toMatch(/^Gateways +\S+ +no requests$/m);
    expect(text).toContain(`each by itself is shown to who may list pods and get pods/proxy in namespace ${system}`);
    expect(text).toMatch(/Next: the first request wakes it/);
  });

  test('are refused to a token without the right to read them', async () => {
    const stranger = `system:serviceaccount:${namespace}:stranger`;
    const token = await account('stranger');
    await expect(kube(['get', '--raw', path, '--as', stranger])).rejects.toThrow('Forbidden');
    if (!ours) return; // the pod's address is reachable from the node alone
    const headers = { authorization: `Bearer ${token}` };
    expect(await direct({ headers })).toMatchObject({
      code: 403,
      body: { message: expect.stringContaining(`User "${stranger}" cannot list`) },
    });
    expect(await direct({ headers: { authorization: `Bearer ${token}x` } })).toMatchObject({ code: 401 });
    expect(await direct({ headers: { ...headers, ...masters } })).toMatchObject({ code: 403 });
  });

  test.skipIf(!ours)('are refused to forged headers and to certificates of anybody but the API server', async () => {
    expect(await direct({})).toMatchObject({ code: 401 });
    expect(await direct({ headers: masters })).toMatchObject({ code: 401 });
    const selfMade = await makeClient(await makeAuthority('modelfleet-test-front-proxy-ca'), 'front-proxy-client');
    expect(await direct({ pair: selfMade, headers: masters })).toMatchObject({ code: 401 });
    // A certificate of the cluster says who its bearer is, and no more.
    const node = await pairOf(kubeconfig, 'node');
    expect(await direct({ pair: node, headers: masters })).toMatchObject({
      code: 403,
      body: { message: expect.stringContaining('User "system:node:node1" cannot list') },
    });
    expect(await direct({ pair: await pairOf(kubeconfig, 'front-proxy'), headers: masters })).toMatchObject({ code: 200 });
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });

  /** What the program tells somebody with this token. */
  async function asUser(token: string, ...argv: readonly string[]): Promise<string> {
    const config = JSON.parse(await kube(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']));
    const file = join(folder, 'kubeconfig');
    await writeFile(file, JSON.stringify({ ...config, users: [{ name: config.users[0].name, user: { token } }] }), { mode: 0o600 });
    const { child, output } = startModelfleet(...argv, '--kubeconfig', file);
    await new Promise((resolve) => child.once('close', resolve));
    return output();
  }
});
