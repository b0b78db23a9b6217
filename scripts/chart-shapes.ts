/** A JSON schema, as far as the chart uses it. Draft 7, which every Helm that reads schemas knows. */
export type JsonSchema = { readonly [key: string]: unknown };

const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 253 };
const text: JsonSchema = { type: 'string' };
const flag: JsonSchema = { type: 'boolean' };
const integer: JsonSchema = { type: 'integer' };
const natural: JsonSchema = { type: 'integer', minimum: 0 };
const quantity: JsonSchema = {
  anyOf: [
    { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+|[numkKMGTPE]|[KMGTPE]i)?$' },
    { type: 'number', minimum: 0 },
  ],
};
const intOrPercent: JsonSchema = { anyOf: [natural, { type: 'string', pattern: '^[0-9]+%$' }] };
const anyObject: JsonSchema = { type: 'object' };
const stringMap: JsonSchema = { type: 'object', additionalProperties: text };

/** An object that has these keys and no others. */
function closed(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[] = []): JsonSchema {
  return { type: 'object', additionalProperties: false, properties, ...(required.length > 0 && { required }) };
}

function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

function oneOf(...values: readonly string[]): JsonSchema {
  return { type: 'string', enum: values };
}

function orEmpty(pattern: string): JsonSchema {
  return { type: 'string', pattern: `^(${pattern})?$` };
}

const labelName = '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$';
const seLinuxOptions = closed({ level: text, role: text, type: text, user: text });
const seccompProfile = closed({ type: oneOf('RuntimeDefault', 'Localhost', 'Unconfined'), localhostProfile: text }, ['type']);
const repositoryPattern = '[a-z0-9]+([._/-]+[a-z0-9]+)*';

/**
 * What `# @schema NAME` in values.yaml stands for: the parts of Kubernetes' own types that a chart passes on.
 * Closed where those types have held still for years; open where they are deep and still grow (affinity, volume sources, peers).
 */
export const shapes: Readonly<Record<string, JsonSchema>> = {
  labels: {
    type: 'object',
    propertyNames: { pattern: labelName, maxLength: 317 },
    additionalProperties: { type: 'string', maxLength: 63, pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$' },
  },
  annotations: { type: 'object', propertyNames: { pattern: labelName, maxLength: 317 }, additionalProperties: text },
  stringMap,
  strings: listOf(text),
  object: anyObject,
  networks: { ...listOf({ type: 'string', pattern: '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$' }), uniqueItems: true },
  origins: { ...listOf({ type: 'string', pattern: '^(\\*|https?://[^/ ]+)$' }), uniqueItems: true },
  objects: listOf(anyObject),
  registry: orEmpty('[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9._/-]+)?'),
  repository: { type: 'string', pattern: `^${repositoryPattern}$` },
  optionalRepository: orEmpty(repositoryPattern),
  tag: orEmpty('[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'),
  digest: orEmpty('sha256:[0-9a-f]{64}'),
  pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  optionalPullPolicy: oneOf('', 'Always', 'IfNotPresent', 'Never'),
  imagePullSecrets: listOf(closed({ name }, ['name'])),
  namespace: { ...orEmpty('[a-z0-9]([-a-z0-9]*[a-z0-9])?'), maxLength: 63 },
  optionalIntOrPercent: { anyOf: [natural, { type: 'string', pattern: '^([0-9]+%)?$' }] },
  optionalPrometheusDuration: orEmpty('([0-9]+(ms|s|m|h|d|w|y))+'),
  env: listOf(closed({ name, value: text, valueFrom: anyObject }, ['name'])),
  envFrom: listOf(
    closed({
      prefix: text,
      configMapRef: closed({ name, optional: flag }, ['name']),
      secretRef: closed({ name, optional: flag }, ['name']),
    }),
  ),
  volumes: listOf({ type: 'object', required: ['name'], properties: { name }, minProperties: 2 }),
  volumeMounts: listOf(
    closed(
      {
        name,
        mountPath: { type: 'string', minLength: 1 },
        mountPropagation: text,
        readOnly: flag,
        recursiveReadOnly: text,
        subPath: text,
        subPathExpr: text,
      },
      ['name', 'mountPath'],
    ),
  ),
  resources: closed({
    requests: { type: 'object', additionalProperties: quantity },
    limits: { type: 'object', additionalProperties: quantity },
    claims: listOf(closed({ name, request: text }, ['name'])),
  }),
  podSecurityContext: closed({
    appArmorProfile: anyObject,
    fsGroup: integer,
    fsGroupChangePolicy: oneOf('OnRootMismatch', 'Always'),
    runAsGroup: integer,
    runAsNonRoot: flag,
    runAsUser: integer,
    seLinuxChangePolicy: text,
    seLinuxOptions,
    seccompProfile,
    supplementalGroups: listOf(integer),
    supplementalGroupsPolicy: text,
    sysctls: listOf(closed({ name, value: text }, ['name', 'value'])),
  }),
  securityContext: closed({
    allowPrivilegeEscalation: flag,
    appArmorProfile: anyObject,
    capabilities: closed({ add: listOf(text), drop: listOf(text) }),
    privileged: flag,
    procMount: text,
    readOnlyRootFilesystem: flag,
    runAsGroup: integer,
    runAsNonRoot: flag,
    runAsUser: integer,
    seLinuxOptions,
    seccompProfile,
  }),
  tolerations: listOf(
    closed({
      key: text,
      operator: oneOf('Exists', 'Equal', 'Lt', 'Gt'),
      value: text,
      effect: oneOf('', 'NoSchedule', 'PreferNoSchedule', 'NoExecute'),
      tolerationSeconds: integer,
    }),
  ),
  affinity: closed({ nodeAffinity: anyObject, podAffinity: anyObject, podAntiAffinity: anyObject }),
  topologySpreadConstraints: listOf(
    closed(
      {
        topologyKey: name,
        maxSkew: { type: 'integer', minimum: 1 },
        whenUnsatisfiable: oneOf('ScheduleAnyway', 'DoNotSchedule'),
        minDomains: { type: 'integer', minimum: 1 },
        nodeAffinityPolicy: oneOf('Honor', 'Ignore'),
        nodeTaintsPolicy: oneOf('Honor', 'Ignore'),
        matchLabelKeys: listOf(text),
        labelSelector: anyObject,
      },
      ['topologyKey', 'maxSkew', 'whenUnsatisfiable'],
    ),
  ),
  deploymentStrategy: closed({
    type: oneOf('RollingUpdate', 'Recreate'),
    rollingUpdate: closed({ maxSurge: intOrPercent, maxUnavailable: intOrPercent }),
  }),
  probe: closed({
    initialDelaySeconds: natural,
    periodSeconds: { type: 'integer', minimum: 1 },
    timeoutSeconds: { type: 'integer', minimum: 1 },
    failureThreshold: { type: 'integer', minimum: 1 },
    successThreshold: { type: 'integer', minimum: 1 },
    terminationGracePeriodSeconds: { type: 'integer', minimum: 1 },
  }),
  ingressHosts: listOf(
    closed(
      {
        host: text,
        paths: {
          ...listOf(
            closed({ path: { type: 'string', pattern: '^/' }, pathType: oneOf('Prefix', 'Exact', 'ImplementationSpecific') }, [
              'path',
              'pathType',
            ]),
          ),
          minItems: 1,
        },
      },
      ['paths'],
    ),
  ),
  ingressTls: listOf(closed({ hosts: listOf(text), secretName: text })),
  httpRouteTimeouts: closed({ request: text, backendRequest: text }),
};
