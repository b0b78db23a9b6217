import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { AdmitRequest, FieldError, ResourceDefinition } from '../resource.ts';
import { labelProblems, serviceNameProblems } from '../schema/names.ts';
import { forbidden, invalid } from '../schema/paths.ts';
import { ageOf } from '../table-age.ts';
import { ageColumn, column, countAt, objectsAt, textAt, wide } from './columns.ts';
import { at, builtin } from './define.ts';

const core = { group: '', version: 'v1' } as const;

function prepareNamespace(namespace: JsonObject, request: AdmitRequest): JsonObject {
  const metadata = isJsonObject(namespace.metadata) ? namespace.metadata : {};
  const labels = isJsonObject(metadata.labels) ? metadata.labels : {};
  return {
    ...namespace,
    metadata: {
      ...metadata,
      labels: { ...labels, ...(typeof metadata.name === 'string' && { 'kubernetes.io/metadata.name': metadata.name }) },
    },
    ...(request.operation === 'CREATE' && { status: { phase: 'Active' } }),
  };
}

function prepareSecret(secret: JsonObject): JsonObject {
  if (!isJsonObject(secret.stringData)) return secret;
  const { stringData, ...rest } = secret;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]);
  return { ...rest, data: { ...(isJsonObject(secret.data) ? secret.data : {}), ...Object.fromEntries(encoded) } };
}

/** Keys are file names in volumes; `immutable` seals what is there. */
function validateData(object: JsonObject, request: AdmitRequest): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['data', 'binaryData']) {
    for (const key of Object.keys(at(object, field) ?? {})) {
      if (!/^[-._a-zA-Z0-9]+$/.test(key) || key === '.' || key === '..' || key.length > 253) {
        errors.push(
          invalid(
            `${field}[${key}]`,
            key,
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
          ),
        );
      }
    }
    if (request.old?.immutable === true && !isDeepStrictEqual(request.old[field], object[field]))
      errors.push(forbidden(field, 'field is immutable when `immutable` is set'));
  }
  if (request.old?.immutable === true && object.immutable !== true)
    errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
  if (request.old?.type !== undefined && !isDeepStrictEqual(request.old.type, object.type))
    errors.push(invalid('type', object.type, 'field is immutable'));
  return errors;
}

function prepareService(service: JsonObject): JsonObject {
  const spec = isJsonObject(service.spec) ? service.spec : {};
  if (!Array.isArray(spec.ports)) return service;
  return {
    ...service,
    spec: {
      ...spec,
      ports: spec.ports.map((port) =>
        isJsonObject(port) && port.port !== undefined ? { ...port, targetPort: port.targetPort ?? port.port } : port,
      ),
    },
  };
}

function nodeStatus(node: JsonObject): string {
  const ready = objectsAt(node, 'status', 'conditions').find((each) => each.type === 'Ready');
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return at(node, 'spec', 'unschedulable') === true ? `${status},SchedulingDisabled` : status;
}

function nodeRoles(node: JsonObject): string {
  const labels = Object.entries(at(node, 'metadata', 'labels') ?? {});
  const roles = labels.flatMap(([key, value]) =>
    key.startsWith('node-role.kubernetes.io/') ? [key.slice(24)] : key === 'kubernetes.io/role' ? [String(value)] : [],
  );
  return (
    roles
      .filter((role) => role !== '')
      .sort()
      .join(',') || '<none>'
  );
}

function nodeAddress(type: string): (node: JsonObject) => string {
  return (node) => String(objectsAt(node, 'status', 'addresses').find((each) => each.type === type)?.address ?? '<none>');
}

function servicePorts(service: JsonObject): string {
  const ports = objectsAt(service, 'spec', 'ports').map(
    (each) => `${each.port}${each.nodePort ? `:${each.nodePort}` : ''}/${each.protocol ?? 'TCP'}`,
  );
  return ports.join(',') || '<none>';
}

function selectorText(selector: unknown): string {
  return isJsonObject(selector) && Object.keys(selector).length > 0
    ? Object.entries(selector)
        .map(([key, value]) => `${key}=${value}`)
        .join(',')
    : '<none>';
}

function eventSource(event: JsonObject): string {
  const component = at(event, 'source', 'component') || event.reportingComponent;
  const host = at(event, 'source', 'host') || event.reportingInstance;
  return [component, host].filter((part) => typeof part === 'string' && part !== '').join(', ');
}

function eventTime(event: JsonObject, which: 'firstTimestamp' | 'lastTimestamp', now: number): string {
  const series = which === 'lastTimestamp' ? at(event, 'series', 'lastObservedTime') : undefined;
  return ageOf(series ?? event[which] ?? event.eventTime, now);
}

const accessModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** The kinds of core/v1 beside pods. */
export const coreResources: readonly ResourceDefinition[] = [
  builtin({
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    model: 'V1Namespace',
    namespaced: false,
    shortNames: ['ns'],
    subresources: { status: true },
    selectableFields: ['status.phase'],
    columns: [column('Status', textAt(['status', 'phase'])), ageColumn],
    hooks: { nameProblems: labelProblems, prepare: prepareNamespace },
  }),
  builtin({
    ...core,
    kind: 'Node',
    plural: 'nodes',
    model: 'V1Node',
    namespaced: false,
    shortNames: ['no'],
    subresources: { status: true },
    selectableFields: ['spec.unschedulable'],
    columns: [
      column('Status', nodeStatus),
      column('Roles', nodeRoles),
      ageColumn,
      column('Version', textAt(['status', 'nodeInfo', 'kubeletVersion'])),
      wide('Internal-IP', nodeAddress('InternalIP')),
      wide('External-IP', nodeAddress('ExternalIP')),
      wide('OS-Image', textAt(['status', 'nodeInfo', 'osImage'], '<unknown>')),
      wide('Kernel-Version', textAt(['status', 'nodeInfo', 'kernelVersion'], '<unknown>')),
      wide('Container-Runtime', textAt(['status', 'nodeInfo', 'containerRuntimeVersion'], '<unknown>')),
    ],
  }),
  builtin({
    ...core,
    kind: 'Event',
    plural: 'events',
    model: 'CoreV1Event',
    namespaced: true,
    shortNames: ['ev'],
    selectableFields: [
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
    columns: [
      column('Last Seen', (event, now) => eventTime(event, 'lastTimestamp', now)),
      column('Type', textAt(['type'])),
      column('Reason', textAt(['reason'])),
      column(
        'Object',
        (event) => `${String(at(event, 'involvedObject', 'kind') ?? '').toLowerCase()}/${at(event, 'involvedObject', 'name') ?? ''}`,
      ),
      wide('Subobject', textAt(['involvedObject', 'fieldPath'])),
      wide('Source', eventSource),
      column('Message', (event) => String(event.message ?? '').trim()),
      wide('First Seen', (event, now) => eventTime(event, 'firstTimestamp', now)),
      wide('Count', (event) => Number(at(event, 'series', 'count') ?? event.count ?? 1)),
      wide('Name', textAt(['metadata', 'name'])),
    ],
  }),
  builtin({
    ...core,
    kind: 'Secret',
    plural: 'secrets',
    model: 'V1Secret',
    namespaced: true,
    selectableFields: ['type'],
    columns: [column('Type', textAt(['type'])), column('Data', countAt(['data'])), ageColumn],
    hooks: { prepare: prepareSecret, validate: validateData },
  }),
  builtin({
    ...core,
    kind: 'ConfigMap',
    plural: 'configmaps',
    model: 'V1ConfigMap',
    namespaced: true,
    shortNames: ['cm'],
    columns: [column('Data', countAt(['data'], ['binaryData'])), ageColumn],
    hooks: { validate: validateData },
  }),
  builtin({
    ...core,
    kind: 'Service',
    plural: 'services',
    model: 'V1Service',
    namespaced: true,
    shortNames: ['svc'],
    categories: ['all'],
    subresources: { status: true },
    columns: [
      column('Type', textAt(['spec', 'type'])),
      column('Cluster-IP', textAt(['spec', 'clusterIP'], '<none>')),
      column('External-IP', textAt(['spec', 'externalName'], '<none>')),
      column('Port(s)', servicePorts),
      ageColumn,
      wide('Selector', (service) => selectorText(at(service, 'spec', 'selector'))),
    ],
    hooks: { nameProblems: serviceNameProblems, prepare: prepareService },
  }),
  builtin({
    ...core,
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    model: 'V1ServiceAccount',
    namespaced: true,
    shortNames: ['sa'],
    columns: [column('Secrets', countAt(['secrets'])), ageColumn],
  }),
  builtin({
    ...core,
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    model: 'V1PersistentVolumeClaim',
    namespaced: true,
    shortNames: ['pvc'],
    subresources: { status: true },
    columns: [
      column('Status', textAt(['status', 'phase'])),
      column('Volume', textAt(['spec', 'volumeName'])),
      column('Capacity', textAt(['status', 'capacity', 'storage'])),
      column('Access Modes', (claim) => {
        const modes = at(claim, 'status', 'accessModes');
        return Array.isArray(modes) ? modes.map((mode) => accessModes[String(mode)] ?? String(mode)).join(',') : '';
      }),
      column('StorageClass', textAt(['spec', 'storageClassName'])),
      ageColumn,
      wide('VolumeMode', textAt(['spec', 'volumeMode'], '<unset>')),
    ],
    hooks: { prepare: (claim, request) => (request.operation === 'CREATE' ? { ...claim, status: { phase: 'Pending' } } : claim) },
  }),
];
