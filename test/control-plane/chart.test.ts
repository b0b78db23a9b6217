import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { chart, type Rendered, render, renderText, type VariantName, variantNames, variants } from '../chart/chart.ts';
import { binary } from '../cluster/binaries.ts';
import { helmRuns } from '../fakes/helm.ts';
import { kubectl } from '../fakes/kubectl.ts';
import { type ProgramResult, programResult } from '../fakes/run-program.ts';
import { foreignDefinitions } from './chart-definitions.ts';
import { OpenApi } from './open-api.ts';

const kubeconfig = inject('kubeconfig');
const possible = kubeconfig !== '' && helmRuns;
const foreign = possible ? await foreignDefinitions() : [];
const foreignGroups = ['monitoring.coreos.com', 'gateway.networking.k8s.io'];
const missing = 'missing' in foreign ? foreign.missing : '';

const linter = possible ? await kubeLinter() : undefined;

if (missing !== '') console.warn(`Monitors, rules and HTTPRoutes of the chart are not judged: ${missing}`);

/** The objects of a variant whose kinds the API server can know. */
async function judged(variant: VariantName): Promise<readonly Rendered[]> {
  const objects = await render(variant);
  return missing === '' ? objects : objects.filter(({ apiVersion }) => !foreignGroups.includes(apiVersion.split('/')[0] ?? ''));
}

async function run(args: readonly string[], objects: readonly unknown[] = []): Promise<string> {
  const result = await kubectl(kubeconfig, args, { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

describe.skipIf(!possible)('the chart on a real API server', () => {
  const api = new OpenApi(kubeconfig);
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modelfleet-chart-'));
    const namespaces = ['modelfleet-system', 'team-system', 'models', 'observability'];
    await run(
      ['apply', '--server-side', '-f', '-'],
      namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    );
    if ('missing' in foreign) return;
    const files = foreign.flatMap((file) => ['-f', file]);
    await run(['apply', '--server-side', '--force-conflicts', ...files]);
    await run(['wait', '--for=condition=Established', '--timeout=30s', ...files]);
  });

  afterAll(async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  describe.each(variantNames)('as %s', (variant) => {
    test('is taken whole, by server-side apply', async () => {
      const objects = await judged(variant);
      const printed = await run(
        ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'],
        objects,
      );
      expect(printed.trim().split('\n')).toHaveLength(objects.length);
    });

    test('is taken whole, as new objects', async () => {
      // Tests beside this one may have created the definitions.
      const objects = (await judged(variant)).filter(({ kind }) => kind !== 'CustomResourceDefinition');
      const printed = await run(['create', '--dry-run=server', '--validate=strict', '-f', '-'], objects);
      expect(printed.trim().split('\n')).toHaveLength(objects.length);
    });

    if (linter !== undefined)
      test('leaves kube-linter without an unexplained finding', async () => {
        const file = join(folder, `${variant}.yaml`);
        await writeFile(file, await renderText(variant));
        const config = join(chart, '.kube-linter.yaml');
        const { stdout, code } = await lint(linter, ['lint', '--config', config, '--format', 'json', file]);
        const { Reports } = JSON.parse(stdout) as { readonly Reports: readonly Finding[] | null };
        expect((Reports ?? []).map(({ Check, Diagnostic }) => `${Check}: ${Diagnostic.Message}`)).toEqual([]);
        expect(code).toBe(0);
      });

    test('says nothing that the published schemas do not know', async () => {
      const complaints = await Promise.all(
        (await judged(variant)).map(async (object) =>
          (await api.complaints(object)).map((line) => `${object.kind} ${object.metadata.name} ${line}`),
        ),
      );
      expect(complaints.flat()).toEqual([]);
    });
  });

  test('would not get away with a misspelt field', async () => {
    const deployment = (await judged('defaults')).find(({ kind }) => kind === 'Deployment');
    const misspelt = { ...deployment, spec: { ...(deployment?.spec as object), replcas: 2, paused: 'no' } } as unknown as Rendered;
    const complaints = await api.complaints(misspelt);
    expect(complaints.join('\n')).toMatch(/\/spec must NOT have additional properties: replcas/);
    expect(complaints.join('\n')).toMatch(/\/spec\/paused must be boolean/);
  });

  test.for([
    ['defaults', ['modelfleet-system', 'default']],
    ['namespaced', ['team-system', 'models', 'default']],
  ] as const)('lets its accounts do what was reviewed: %s', async ([variant, places]) => {
    const rights = (await judged(variant)).filter(({ kind }) => /ServiceAccount|Role/.test(kind));
    await run(['apply', '--server-side', '-f', '-'], rights);
    try {
      for (const { metadata } of rights.filter(({ kind }) => kind === 'ServiceAccount')) {
        const component = metadata.labels['app.kubernetes.io/component'] ?? '';
        const user = `system:serviceaccount:${variants[variant].namespace}:${metadata.name}`;
        let lists: readonly (readonly string[])[] = [];
        // The API server takes up new roles one by one.
        await eventually(async () => {
          lists = await Promise.all(places.map((place) => rightsOf(user, place)));
          for (const resource of resourcesOf(rights, component)) expect(lists.flat().join('\n')).toContain(resource);
        });
        const told = places.map((place, index) =>
          [`In ${place}, beyond what every account may do:`, ...(lists[index] ?? []), ''].join('\n'),
        );
        await expect(told.join('\n')).toMatchFileSnapshot(`golden/can-i-${variant}-${component}.txt`);
      }
    } finally {
      await run(['delete', '--wait=false', '-f', '-'], rights);
    }
  });
});

type Finding = { readonly Check: string; readonly Diagnostic: { readonly Message: string } };

/** kube-linter, from the places where binaries are sought or by Go; where it cannot be had, the reason is told. */
async function kubeLinter(): Promise<string | undefined> {
  try {
    return await binary('kube-linter');
  } catch (error) {
    console.warn(`The chart is not linted: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function lint(program: string, args: readonly string[]): Promise<ProgramResult> {
  return programResult(spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] }));
}

/** The rows of `kubectl auth can-i --list` that a stranger's has not, without the order and the widths in which the server happens to give them. */
async function rightsOf(user: string, namespace: string): Promise<readonly string[]> {
  const rows = async (as: string) => {
    const [, ...lines] = (await run(['auth', 'can-i', '--list', '--as', as, '-n', namespace])).trim().split('\n');
    return lines.map((line) => line.replace(/ {2,}/g, '  ').trimEnd());
  };
  const everybody = new Set(await rows('system:serviceaccount:default:stranger'));
  return (await rows(user)).filter((row) => !everybody.has(row)).sort();
}

type Rule = { readonly apiGroups: readonly string[]; readonly resources: readonly string[] };

/** What a component's roles name, as `kubectl auth can-i --list` writes it. */
function resourcesOf(rights: readonly Rendered[], component: string): readonly string[] {
  const roles = rights.filter(
    ({ kind, metadata }) => kind.endsWith('Role') && metadata.labels['app.kubernetes.io/component'] === component,
  );
  return roles
    .flatMap(({ rules }) => rules as readonly Rule[])
    .flatMap(({ apiGroups: [group = ''], resources }) =>
      resources.map((resource) => (group === '' ? resource : resource.replace(/^[a-z]+/, `$&.${group}`))),
    );
}
