import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import type { LogSource } from '../../src/local/apiserver/logs.ts';
import { type RunningApiServer, startApiServer } from '../../src/local/apiserver/server.ts';
import { type KubectlResult, kubectl, kubectlRuns, startKubectl } from '../fakes/kubectl.ts';

const logs: LogSource = {
  async open({ pod }, { tailLines }) {
    const lines = ['loading', 'ready', `serving from ${pod}`];
    return (async function* () {
      for (const line of tailLines === undefined ? lines : lines.slice(-tailLines)) yield Buffer.from(`${line}\n`);
    })();
  },
};

const prove = test.skipIf(!kubectlRuns);

let directory: string;
let server: RunningApiServer;
let kubeconfig: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'modelfleet-kubectl-'));
  kubeconfig = join(directory, 'kubeconfig');
  server = await startApiServer({ stateDir: join(directory, 'state'), logger: silentLogger, kubeconfigPath: kubeconfig, logs });
  await run('apply', '-f', 'crds/');
  await run('wait', '--for=condition=established', 'crd', '--all', '--timeout=10s');
  // kubectl learns short names from discovery, which it keeps: one lookup by the full name makes it look again.
  await run('get', 'modeldeployments.modelfleet.dev');
});

afterAll(async () => {
  await server?.close();
  if (directory) await rm(directory, { recursive: true, force: true });
});

async function attempt(args: readonly string[], stdin?: string, env?: Readonly<Record<string, string>>): Promise<KubectlResult> {
  return kubectl(kubeconfig, args, { ...(stdin !== undefined && { stdin }), ...(env && { env }) });
}

/** Runs kubectl, which must succeed, and gives what it printed. */
async function run(...args: readonly string[]): Promise<string> {
  return runWith(args, '');
}

async function runWith(args: readonly string[], stdin: string): Promise<string> {
  const result = await attempt(args, stdin);
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

type Spec = { readonly replicas?: number; readonly extra?: string; readonly source?: string };

function deployment(
  name: string,
  { replicas = 1, extra = '', source = 'file:///models/SmolLM2-135M-Instruct.Q4_1.gguf' }: Spec = {},
): string {
  return `apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: ${name}
spec:
  model:
    source: ${source}
  replicas: ${replicas}
${extra}`;
}

function pod(name: string): string {
  return `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {containers: [{name: worker, image: modelfleet-worker}]}}`;
}

async function replicasOf(name: string): Promise<string> {
  return run('get', 'mdep', name, '-o', 'jsonpath={.spec.replicas}');
}

prove('apply creates, leaves alone what is the same, and changes what differs', async () => {
  const apply = ['apply', '-f', '-'];
  expect(await runWith(apply, deployment('applied'))).toBe('modeldeployment.modelfleet.dev/applied created\n');
  expect(await runWith(apply, deployment('applied'))).toBe('modeldeployment.modelfleet.dev/applied unchanged\n');
  expect(await runWith(apply, deployment('applied', { replicas: 2 }))).toBe('modeldeployment.modelfleet.dev/applied configured\n');
  expect(await replicasOf('applied')).toBe('2');
});

prove('diff shows what apply would change', async () => {
  await runWith(['apply', '-f', '-'], deployment('differs'));
  expect(await attempt(['diff', '-f', '-'], deployment('differs'))).toMatchObject({ code: 0, stdout: '' });
  const changed = await attempt(['diff', '-f', '-'], deployment('differs', { replicas: 3 }));
  expect(changed.code).toBe(1);
  expect(changed.stdout).toContain('-  replicas: 1\n+  replicas: 3\n');
  expect(await replicasOf('differs')).toBe('1');
});

prove('server-side apply refuses fields that another manager changed, unless forced', async () => {
  const apply = ['apply', '--server-side', '-f', '-'];
  expect(await runWith(apply, deployment('owned'))).toContain('serverside-applied');
  expect(await runWith(apply, deployment('owned', { replicas: 2 }))).toContain('serverside-applied');
  await run('patch', 'mdep', 'owned', '--type=merge', '--field-manager=somebody', '-p', '{"spec":{"replicas":5}}');

  const refused = await attempt(apply, deployment('owned', { replicas: 2 }));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('Apply failed with 1 conflict: conflict with "somebody"');
  expect(refused.stderr).toContain('.spec.replicas');
  expect(await replicasOf('owned')).toBe('5');

  await runWith(['apply', '--server-side', '--force-conflicts', '-f', '-'], deployment('owned', { replicas: 2 }));
  expect(await replicasOf('owned')).toBe('2');
});

prove('server-side apply knows list items by keys that the server fills in', async () => {
  const withPort = pod('ported').replace('image: modelfleet-worker', 'image: modelfleet-worker, ports: [{containerPort: 8000}]');
  await runWith(['apply', '--server-side', '-f', '-'], withPort);
  expect(await runWith(['apply', '--server-side', '-f', '-'], withPort)).toContain('serverside-applied');
  const ports = await run('get', 'pod', 'ported', '-o', 'jsonpath={.spec.containers[0].ports}');
  expect(JSON.parse(ports)).toEqual([{ containerPort: 8000, protocol: 'TCP' }]);
});

prove('an object moves from client-side to server-side apply', async () => {
  await runWith(['apply', '-f', '-'], deployment('moves'));
  await runWith(['apply', '--server-side', '-f', '-'], deployment('moves', { replicas: 4 }));
  expect(await replicasOf('moves')).toBe('4');
  const managers = await run('get', 'mdep', 'moves', '--show-managed-fields', '-o', 'jsonpath={.metadata.managedFields[*].manager}');
  expect(managers.split(' ')).toContain('kubectl');
  expect(managers.split(' ')).not.toContain('kubectl-client-side-apply');
});

prove('get prints the columns of the definition, and more of them with -o wide', async () => {
  await runWith(['apply', '-f', '-'], deployment('columns'));
  const status = { phase: 'Loading', columns: { ready: '0/1', load: '73%', eta: '41s', queue: 3 } };
  await run('patch', 'mdep', 'columns', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
  const [header = '', row = ''] = (await run('get', 'mdep', 'columns')).split('\n');
  expect(header.split(/\s+/)).toEqual(['NAME', 'READY', 'PHASE', 'LOAD', 'ETA', 'QUEUE', 'MODEL', 'AGE']);
  expect(row).toMatch(/^columns +0\/1 +Loading +73% +41s +3 +file:\/\/\S+ +\d+s$/);
  expect(await run('get', 'mdep', 'columns', '-o', 'wide')).toMatch(/ENGINE +REVISION/);
});

prove('get -w prints a row for every change', async () => {
  await runWith(['apply', '-f', '-'], deployment('watched'));
  const ending = new AbortController();
  const child = await startKubectl(kubeconfig, ['get', 'mdep', 'watched', '-w'], { signal: ending.signal });
  const closed = new Promise((resolve) => child.once('error', resolve).once('close', resolve));
  const rows: string[] = [];
  const wanted = ['', 'Pending', 'Loading', 'Ready'];
  const setPhase = (phase: string) =>
    run('patch', 'mdep', 'watched', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { phase } }));
  let buffered = '';
  for await (const chunk of child.stdout) {
    buffered += chunk;
    const lines = buffered.split('\n');
    buffered = lines.pop() ?? '';
    for (const line of lines) {
      rows.push(line);
      const phase = wanted[rows.length - 1];
      if (phase !== undefined && phase !== '') await setPhase(phase);
    }
    if (rows.some((row) => row.includes('Ready '))) break;
  }
  ending.abort();
  await closed;
  expect(rows[0]).toMatch(/^NAME/);
  expect(rows.filter((row) => row.startsWith('watched')).map((row) => /Pending|Loading|Ready/.exec(row)?.[0])).toEqual([
    undefined,
    'Pending',
    'Loading',
    'Ready',
  ]);
});

prove('get prints yaml, json, jsonpath and custom columns, with defaults filled in', async () => {
  await runWith(['apply', '-f', '-'], deployment('printed'));
  expect(await run('get', 'mdep', 'printed', '-o', 'yaml')).toContain('  engine:\n    device: Auto\n    type: Worker\n');
  expect(JSON.parse(await run('get', 'mdep', 'printed', '-o', 'json'))).toMatchObject({ metadata: { name: 'printed', generation: 1 } });
  expect(await run('get', 'mdep', 'printed', '-o', 'jsonpath={.spec.rollout.maxSurge}')).toBe('1');
  expect(await run('get', 'mdep', 'printed', '-o', 'custom-columns=N:.metadata.name,R:.spec.replicas')).toBe('N         R\nprinted   1\n');
  expect(await run('get', 'mdep', 'printed', '-o', 'name')).toBe('modeldeployment.modelfleet.dev/printed\n');
});

prove('patch, scale, label and annotate change the object; generation follows the spec alone', async () => {
  await runWith(['apply', '-f', '-'], deployment('changed'));
  await run('patch', 'mdep', 'changed', '--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":2}]');
  expect(await run('scale', 'mdep/changed', '--replicas=3')).toBe('modeldeployment.modelfleet.dev/changed scaled\n');
  await run('label', 'mdep', 'changed', 'tier=small');
  await run('annotate', 'mdep', 'changed', 'note=hello');
  const object = JSON.parse(await run('get', 'mdep', '-l', 'tier=small', '-o', 'json'));
  expect(object.items).toHaveLength(1);
  expect(object.items[0]).toMatchObject({ metadata: { generation: 3, annotations: { note: 'hello' } }, spec: { replicas: 3 } });
});

prove('edit opens the object in an editor and stores what it saved', async () => {
  await runWith(['apply', '-f', '-'], deployment('edited'));
  const script = join(directory, 'editor.sh');
  await writeFile(script, '#!/bin/sh\nsed -i "s/^  replicas: .*/  replicas: 6/" "$1"\n', { mode: 0o755 });
  expect(await attempt(['edit', 'mdep', 'edited'], '', { EDITOR: script })).toMatchObject({ code: 0 });
  expect(await replicasOf('edited')).toBe('6');
});

prove('what a rule, a type or a missing field forbids is refused with the field and the reason', async () => {
  const create = ['create', '-f', '-'];
  const cases: readonly (readonly [string, string])[] = [
    [deployment('bad', { source: 'ftp://somewhere/x' }), 'spec.model.source: Invalid value: "ftp://somewhere/x": write where the model is'],
    [
      deployment('bad', { extra: '  scaling: {minReplicas: 3, maxReplicas: 1}\n' }),
      'spec.scaling: Invalid value: scaling.minReplicas is above',
    ],
    [deployment('bad', { extra: '  engine: {type: Magic}\n' }), 'spec.engine.type: Unsupported value: "Magic": supported values: "Worker"'],
    [deployment('bad', { replicas: -1 }), 'spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0'],
    [deployment('bad').replace('replicas: 1', 'replicas: many'), 'spec.replicas in body must be of type integer: "string"'],
    [deployment('bad').replace(/source: .*/, 'files: []'), 'spec.model.source: Required value'],
    [deployment('Bad_Name'), 'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist'],
  ];
  for (const [manifest, message] of cases) {
    const refused = await attempt(create, manifest);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(message);
  }
});

prove('unknown fields are refused, told or ignored as --validate says', async () => {
  const manifest = deployment('unknown', { extra: '  repicas: 2\n' });
  const strict = await attempt(['apply', '-f', '-'], manifest);
  expect(strict.code).toBe(1);
  expect(strict.stderr).toContain('strict decoding error: unknown field "spec.repicas"');
  const warned = await attempt(['apply', '--validate=warn', '-f', '-'], manifest);
  expect(warned).toMatchObject({ code: 0 });
  expect(warned.stderr).toContain('Warning: unknown field "spec.repicas"');
  expect(await attempt(['apply', '--validate=ignore', '-f', '-'], manifest)).toMatchObject({ code: 0, stderr: '' });
  expect(await run('get', 'mdep', 'unknown', '-o', 'yaml')).not.toContain('  repicas');
});

prove('an immutable field stays as it was', async () => {
  await runWith(['apply', '-f', '-'], deployment('sealed'));
  const refused = await attempt(['patch', 'mdep', 'sealed', '--type=merge', '-p', '{"spec":{"cache":{"type":"HostPath"}}}']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('spec.cache: Invalid value: cache.type cannot change');
});

prove('--dry-run=server checks and defaults, and stores nothing', async () => {
  const printed = await runWith(['apply', '--dry-run=server', '-o', 'yaml', '-f', '-'], deployment('imagined'));
  expect(printed).toContain('strategy: RollingUpdate');
  expect(await attempt(['get', 'mdep', 'imagined'])).toMatchObject({ code: 1 });
});

prove('delete waits until the object is gone, and says when there is none', async () => {
  await runWith(['apply', '-f', '-'], deployment('deleted'));
  expect(await run('delete', 'mdep', 'deleted', '--timeout=10s')).toContain('deleted');
  const missing = await attempt(['get', 'mdep', 'deleted']);
  expect(missing.stderr).toBe('Error from server (NotFound): modeldeployments.modelfleet.dev "deleted" not found\n');
});

prove('wait --for=condition sees a condition come true', async () => {
  await runWith(['apply', '-f', '-'], deployment('awaited'));
  const waiting = run('wait', '--for=condition=Ready', 'mdep/awaited', '--timeout=20s');
  const condition = { type: 'Ready', status: 'True', reason: 'Loaded', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  await run(
    'patch',
    'mdep',
    'awaited',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status: { conditions: [condition] } }),
  );
  expect(await waiting).toContain('condition met');
});

prove('describe and events show the events of an object', async () => {
  await runWith(['apply', '-f', '-'], deployment('told'));
  const uid = await run('get', 'mdep', 'told', '-o', 'jsonpath={.metadata.uid}');
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'told.1' },
    involvedObject: { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'told', namespace: 'default', uid },
    reason: 'LoadingWeights',
    message: 'loading 98 MB',
    type: 'Normal',
    count: 3,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:01:00Z',
    source: { component: 'modelfleet' },
  };
  await runWith(['create', '-f', '-'], JSON.stringify(event));
  expect(await run('describe', 'mdep', 'told')).toMatch(/Events:[\s\S]*Normal +LoadingWeights .*loading 98 MB/);
  expect(await run('events', '--for', 'modeldeployment.modelfleet.dev/told')).toMatch(
    /Normal +LoadingWeights +ModelDeployment\/told +loading 98 MB/,
  );
  expect(await run('get', 'events', '--field-selector', 'involvedObject.name=told')).toMatch(
    /Normal +LoadingWeights +modeldeployment\/told +loading 98 MB/,
  );
});

prove('pods show what their containers do, and give their logs', async () => {
  await runWith(['create', '-f', '-'], pod('crashing'));
  const containerStatuses = [
    {
      name: 'worker',
      ready: false,
      restartCount: 2,
      image: 'modelfleet-worker',
      imageID: '',
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:00:00Z' } },
    },
  ];
  const status = JSON.stringify({ status: { phase: 'Running', containerStatuses } });
  await run('patch', 'pod', 'crashing', '--subresource=status', '--type=strategic', '-p', status);
  expect(await run('get', 'pods', 'crashing')).toMatch(/crashing +0\/1 +CrashLoopBackOff +2 \(\d+d(\d+h)? ago\)/);
  expect(await run('logs', 'crashing')).toBe('loading\nready\nserving from crashing\n');
  expect(await run('logs', 'crashing', '--tail=1')).toBe('serving from crashing\n');
  expect(await run('describe', 'pod', 'crashing')).toContain('Reason:       CrashLoopBackOff');
  const refused = await attempt(['patch', 'pod', 'crashing', '-p', '{"spec":{"containers":[{"name":"worker","command":["true"]}]}}']);
  expect(refused.stderr).toContain('spec: Forbidden: pod updates may not change fields other than');
});

prove('strategic merge patch finds list items by their keys', async () => {
  await runWith(['create', '-f', '-'], pod('two').replace('}]}', '}, {name: second, image: b:1}]}'));
  await run('patch', 'pod', 'two', '-p', '{"spec":{"containers":[{"name":"second","image":"b:2"}]}}');
  expect(await run('get', 'pod', 'two', '-o', 'jsonpath={.spec.containers[*].image}')).toBe('modelfleet-worker b:2');
});

prove('what kubectl makes itself, it sends as protobuf', async () => {
  await run('create', 'secret', 'generic', 'hf-token', '--from-literal=HF_TOKEN=secret');
  expect(await run('get', 'secret', 'hf-token', '-o', 'jsonpath={.data.HF_TOKEN}')).toBe('c2VjcmV0');
  await run('create', 'configmap', 'settings', '--from-literal=a=b');
  await run('create', 'namespace', 'models');
  await run('create', 'serviceaccount', 'robot', '-n', 'models');
  await runWith(['apply', '-f', '-'], deployment('scaled'));
  await run('autoscale', 'mdep/scaled', '--min=1', '--max=3', '--cpu=50%');
  expect(await run('get', 'hpa', 'scaled')).toMatch(/ModelDeployment\/scaled +cpu: <unknown>\/50% +1 +3 +0/);
});

prove('the server says what it has, who is asking, and what is allowed', async () => {
  expect(await run('api-resources', '--api-group=modelfleet.dev')).toMatch(
    /modeldeployments +mdep +modelfleet\.dev\/v1alpha1 +true +ModelDeployment/,
  );
  expect((await run('api-versions')).split('\n')).toEqual(
    expect.arrayContaining(['apps/v1', 'autoscaling/v2', 'modelfleet.dev/v1alpha1', 'v1']),
  );
  expect(await run('auth', 'can-i', 'delete', 'pods')).toBe('yes\n');
  expect(await run('auth', 'whoami')).toContain('modelfleet');
  expect(await run('version')).toMatch(/Server Version: v1\.35/);
  expect(await run('cluster-info')).toContain(server.url);
  expect(await run('config', 'view')).not.toContain(server.token);
});

prove('explain tells what fields are for, in the words of the definition', async () => {
  const spec = await run('explain', 'mdep.spec.scaling');
  expect(spec).toContain('FIELD: scaling <Object>');
  expect(spec).toMatch(/maxReplicas\t<integer>/);
  const everything = await run('explain', 'mdep.spec', '--recursive');
  expect(everything).toMatch(/ {2}engine\t<Object>\n {4}args\t<\[\]string>/);
  expect(await run('explain', 'pod.spec.containers')).toMatch(/image\t<string>/);
});

prove('a definition that no API server would take is refused', async () => {
  const crd = (schema: string) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: ${schema}}}]
`;
  const cases = [
    [
      '{type: object, properties: {spec: {properties: {a: {type: string}}}}}',
      'properties[spec].type: Required value: must not be empty for specified object fields',
    ],
    [
      '{type: object, properties: {spec: {type: object, x-kubernetes-validations: [{rule: "self.nothing > 1"}]}}}',
      'x-kubernetes-validations[0].rule: Invalid value: compilation failed',
    ],
    ['{type: object, properties: {spec: {type: object, additionalProperties: false}}}', 'additionalProperties cannot be set to false'],
  ] as const;
  for (const [schema, message] of cases) {
    const refused = await attempt(['apply', '-f', '-'], crd(schema));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(message);
  }
  expect(
    await runWith(
      ['apply', '-f', '-'],
      crd('{type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}'),
    ),
  ).toContain('created');
  await run('wait', '--for=condition=established', 'crd/widgets.example.com', '--timeout=10s');
  await runWith(['apply', '-f', '-'], '{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: {any: [thing]}}');
  expect(await run('get', 'widgets.example.com')).toMatch(/^NAME +AGE\nw +\d+s\n$/);
});
