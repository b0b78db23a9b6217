import type { Container, EnvVar, Pod } from 'kubernetes-types/core/v1.d.ts';
import type { PortMap } from './ports.ts';

/** Why a container cannot be started as declared; the reason is what `kubectl get pods` shows. */
export class ContainerConfigError extends Error {
  readonly reason: 'CreateContainerConfigError' | 'ErrImageNeverPull';

  constructor(reason: ContainerConfigError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ContainerConfigError';
    this.reason = reason;
  }
}

/** Reads the values that environment variables refer to; undefined when there is no such object. */
export type References = {
  secret(namespace: string, name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined>;
  configMap(namespace: string, name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined>;
};

export type EnvironmentInput = {
  readonly pod: Pod;
  readonly container: Container;
  readonly podIP: string;
  readonly ports: PortMap;
  /** Container path prefix -> real folder. */
  readonly pathMap: Readonly<Record<string, string>>;
  readonly references: References;
  readonly signal: AbortSignal;
  /** What the kubelet's own process has. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
};

/** Number of the descriptor on which a container sees the end of its kubelet. */
const parentFd = 3;

// A local process needs what its machine set up; the rest of the user's environment (keys, tokens) stays out.
const inheritedNames =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|LANG|LC_.+|TZ|XDG_.+|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|(DY)?LD_LIBRARY_PATH|CUDA_.+|NVIDIA_.+|VK_.+)$/i;

/**
 * The whole environment of a container: the machine's, then what local mode tells, then envFrom, then env in order with `$(VAR)` expanded.
 * Throws ContainerConfigError when something it refers to is missing.
 */
export async function containerEnvironment(input: EnvironmentInput): Promise<Record<string, string>> {
  const { pod, container } = input;
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.inherited)) {
    if (value !== undefined && inheritedNames.test(name)) environment[name] = value;
  }
  environment.HOSTNAME = pod.metadata?.name ?? '';
  environment.MODELFLEET_HOST = input.podIP;
  environment.MODELFLEET_PATH_MAP = JSON.stringify(input.pathMap);
  environment.MODELFLEET_PARENT_FD = String(parentFd);
  for (const [name, port] of Object.entries(input.ports)) environment[portVariable(name)] = String(port);

  for (const source of container.envFrom ?? []) {
    const from = source.secretRef
      ? { kind: 'secret' as const, ref: source.secretRef }
      : { kind: 'configMap' as const, ref: source.configMapRef };
    const data = await load(input, from.kind, from.ref?.name ?? '', from.ref?.optional ?? false);
    for (const [key, value] of Object.entries(data ?? {})) environment[`${source.prefix ?? ''}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, input, environment);
    if (value !== undefined) environment[variable.name] = value;
  }
  return environment;
}

/** `$(NAME)` becomes the variable's value, an unknown one stays as written, `$$` becomes `$` (kubernetes third_party/forked/golang/expansion). */
export function expand(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (environment[name] ?? match),
  );
}

/** The name of the variable that tells a container where one of its pod's ports is. */
function portVariable(name: string): string {
  return `MODELFLEET_PORT_${name.toUpperCase().replaceAll('-', '_')}`;
}

async function variableValue(
  variable: EnvVar,
  input: EnvironmentInput,
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (!from) return expand(variable.value ?? '', environment);
  if (from.fieldRef) return fieldValue(from.fieldRef.fieldPath, input);
  const [kind, ref] = from.secretKeyRef ? (['secret', from.secretKeyRef] as const) : (['configMap', from.configMapKeyRef] as const);
  if (!ref)
    throw new ContainerConfigError('CreateContainerConfigError', `The source of variable ${variable.name} is not supported in local mode.`);
  const name = ref.name ?? '';
  const data = await load(input, kind, name, ref.optional ?? false);
  const value = data?.[ref.key];
  if (value === undefined && !ref.optional) {
    const title = kind === 'secret' ? 'Secret' : 'ConfigMap';
    throw new ContainerConfigError('CreateContainerConfigError', `couldn't find key ${ref.key} in ${title} ${namespaceOf(input)}/${name}`);
  }
  return value;
}

async function load(
  input: EnvironmentInput,
  kind: 'secret' | 'configMap',
  name: string,
  optional: boolean,
): Promise<Readonly<Record<string, string>> | undefined> {
  const data = await input.references[kind](namespaceOf(input), name, input.signal);
  if (!data && !optional) throw new ContainerConfigError('CreateContainerConfigError', `${kind.toLowerCase()} "${name}" not found`);
  return data;
}

function namespaceOf({ pod }: EnvironmentInput): string {
  return pod.metadata?.namespace ?? 'default';
}

function fieldValue(path: string, { pod, podIP }: EnvironmentInput): string {
  const { metadata, spec } = pod;
  const [, table, key = ''] = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path) ?? [];
  if (table) return (table === 'labels' ? metadata?.labels : metadata?.annotations)?.[key] ?? '';
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata?.name,
    'metadata.namespace': metadata?.namespace,
    'metadata.uid': metadata?.uid,
    'spec.nodeName': spec?.nodeName,
    'spec.serviceAccountName': spec?.serviceAccountName ?? '',
    'status.podIP': podIP,
    'status.podIPs': podIP,
    'status.hostIP': podIP,
    'status.hostIPs': podIP,
  };
  const value = fields[path];
  if (value === undefined)
    throw new ContainerConfigError('CreateContainerConfigError', `The field ${path} is not one that a variable can have.`);
  return value;
}
