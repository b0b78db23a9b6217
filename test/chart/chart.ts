import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { type HelmVersion, helm } from '../fakes/helm.ts';

export const chart = join(import.meta.dirname, '../../charts/modelfleet');

/** An object as the chart renders it. */
export type Rendered = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
};

/** Installations that the tests look at: as it comes, every switch on, and one of several in a cluster. */
export const variants = {
  defaults: { release: 'modelfleet', namespace: 'modelfleet-system', values: [] },
  everything: { release: 'team', namespace: 'team-system', values: ['everything.yaml'] },
  namespaced: { release: 'team', namespace: 'team-system', values: ['namespaced.yaml'] },
} as const;
export type VariantName = keyof typeof variants;
export const variantNames = Object.keys(variants) as readonly VariantName[];

/** Arguments that name a variant's release, chart, namespace and values. */
function variantArguments(name: VariantName): readonly string[] {
  const { release, namespace, values } = variants[name];
  return [release, chart, '--namespace', namespace, ...values.flatMap((file) => ['--values', join(import.meta.dirname, 'values', file)])];
}

const rendered = new Map<string, Promise<string>>();

/** What `helm template` prints for a variant. Throws with Helm's complaint. */
export function renderText(name: VariantName, version: HelmVersion = 4): Promise<string> {
  const key = `${name} ${version}`;
  const text = rendered.get(key) ?? template(name, version);
  rendered.set(key, text);
  return text;
}

/** The token that each rendering makes anew, as there is no cluster to look into. */
const madeAnew = /^( {2}token: )"[A-Za-z0-9+/]{64}"$/m;

async function template(name: VariantName, version: HelmVersion): Promise<string> {
  const { stdout, stderr, code } = await helm(undefined, ['template', ...variantArguments(name), '--kube-version', '1.35.0'], { version });
  if (code !== 0) throw new Error(`helm ${version} template of ${name}: ${stderr}`);
  return stdout.replace(madeAnew, "$1'bWFkZSBhbmV3'");
}

/** The objects of a variant. */
export async function render(name: VariantName, version: HelmVersion = 4): Promise<readonly Rendered[]> {
  return parseAllDocuments(await renderText(name, version))
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

/** The file Chart.yaml or values.yaml as an object. */
export async function readChartFile(name: string): Promise<Readonly<Record<string, unknown>>> {
  return parse(await readFile(join(chart, name), 'utf8')) as Readonly<Record<string, unknown>>;
}

/** The pods that an object stands for: itself, or its template. */
export function podsOf(object: Rendered): readonly PodSpec[] {
  if (object.kind === 'Pod') return [object.spec as PodSpec];
  if (object.kind === 'Deployment') return [(object.spec as { template: { spec: PodSpec } }).template.spec];
  return [];
}

type Capabilities = { readonly add?: readonly string[]; readonly drop?: readonly string[] };
type SecurityContext = {
  readonly allowPrivilegeEscalation?: boolean;
  readonly privileged?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly capabilities?: Capabilities;
  readonly seccompProfile?: { readonly type: string };
};
export type ChartContainer = {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly ports?: readonly { readonly name: string; readonly hostPort?: number }[];
  readonly resources: { readonly requests: Readonly<Record<string, string>>; readonly limits: Readonly<Record<string, string>> };
};
type PodSpec = {
  readonly containers: readonly ChartContainer[];
  readonly initContainers?: readonly ChartContainer[];
  readonly volumes?: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
  readonly securityContext?: SecurityContext;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
};
