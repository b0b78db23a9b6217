import type { JsonObject, JsonValue } from '../../../core/json.ts';

/** The media type in which kubectl sends what it makes itself: `kubectl create secret`, `create namespace`, `autoscale`, `auth can-i`. */
export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

type Scalar = 'string' | 'int' | 'bool' | 'bytes' | 'time' | 'quantity' | 'intOrString' | 'ignored';
type Field = { readonly name: string; readonly type: string; readonly shape: 'one' | 'list' | 'map'; readonly pointer: boolean };

/**
 * Field numbers from the generated.proto files of k8s.io/api and k8s.io/apimachinery, for the kinds that kubectl sends.
 * `[T]` is repeated, `{T}` a map by strings. Go writes every field that is no pointer, so zero values mean absent; `?` marks pointers.
 */
const messages: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  ObjectMeta: {
    1: 'name string',
    2: 'generateName string',
    3: 'namespace string',
    4: 'selfLink ignored',
    5: 'uid string',
    6: 'resourceVersion string',
    7: 'generation int',
    8: 'creationTimestamp time',
    9: 'deletionTimestamp time',
    10: 'deletionGracePeriodSeconds int?',
    11: 'labels {string}',
    12: 'annotations {string}',
    13: 'ownerReferences [OwnerReference]',
    14: 'finalizers [string]',
    17: 'managedFields ignored',
  },
  OwnerReference: {
    1: 'kind string',
    3: 'name string',
    4: 'uid string',
    5: 'apiVersion string',
    6: 'controller bool?',
    7: 'blockOwnerDeletion bool?',
  },
  LabelSelector: { 1: 'matchLabels {string}', 2: 'matchExpressions [LabelSelectorRequirement]' },
  LabelSelectorRequirement: { 1: 'key string', 2: 'operator string', 3: 'values [string]' },

  'v1 Namespace': { 1: 'metadata ObjectMeta', 2: 'spec NamespaceSpec', 3: 'status ignored' },
  NamespaceSpec: { 1: 'finalizers [string]' },
  'v1 Secret': { 1: 'metadata ObjectMeta', 2: 'data {bytes}', 3: 'type string', 4: 'stringData {string}', 5: 'immutable bool?' },
  'v1 ConfigMap': { 1: 'metadata ObjectMeta', 2: 'data {string}', 3: 'binaryData {bytes}', 4: 'immutable bool?' },
  'v1 ServiceAccount': {
    1: 'metadata ObjectMeta',
    2: 'secrets [ObjectReference]',
    3: 'imagePullSecrets [LocalObjectReference]',
    4: 'automountServiceAccountToken bool?',
  },
  LocalObjectReference: { 1: 'name string' },
  ObjectReference: {
    1: 'kind string',
    2: 'namespace string',
    3: 'name string',
    4: 'uid string',
    5: 'apiVersion string',
    6: 'resourceVersion string',
    7: 'fieldPath string',
  },
  'v1 Service': { 1: 'metadata ObjectMeta', 2: 'spec ServiceSpec', 3: 'status ignored' },
  ServiceSpec: {
    1: 'ports [ServicePort]',
    2: 'selector {string}',
    3: 'clusterIP string',
    4: 'type string',
    5: 'externalIPs [string]',
    7: 'sessionAffinity string',
    8: 'loadBalancerIP string',
    9: 'loadBalancerSourceRanges [string]',
    10: 'externalName string',
    11: 'externalTrafficPolicy string',
    12: 'healthCheckNodePort int',
    13: 'publishNotReadyAddresses bool',
    17: 'ipFamilyPolicy string?',
    18: 'clusterIPs [string]',
    19: 'ipFamilies [string]',
    20: 'allocateLoadBalancerNodePorts bool?',
    21: 'loadBalancerClass string?',
    22: 'internalTrafficPolicy string?',
  },
  ServicePort: {
    1: 'name string',
    2: 'protocol string',
    3: 'port int',
    4: 'targetPort intOrString',
    5: 'nodePort int',
    6: 'appProtocol string?',
  },

  'policy/v1 PodDisruptionBudget': { 1: 'metadata ObjectMeta', 2: 'spec PodDisruptionBudgetSpec', 3: 'status ignored' },
  PodDisruptionBudgetSpec: {
    1: 'minAvailable intOrString?',
    2: 'selector LabelSelector',
    3: 'maxUnavailable intOrString?',
    4: 'unhealthyPodEvictionPolicy string?',
  },
  'autoscaling/v2 HorizontalPodAutoscaler': { 1: 'metadata ObjectMeta', 2: 'spec HorizontalPodAutoscalerSpec', 3: 'status ignored' },
  HorizontalPodAutoscalerSpec: {
    1: 'scaleTargetRef CrossVersionObjectReference',
    2: 'minReplicas int?',
    3: 'maxReplicas int',
    4: 'metrics [MetricSpec]',
  },
  CrossVersionObjectReference: { 1: 'kind string', 2: 'name string', 3: 'apiVersion string' },
  MetricSpec: { 1: 'type string', 4: 'resource ResourceMetricSource' },
  ResourceMetricSource: { 1: 'name string', 2: 'target MetricTarget' },
  MetricTarget: { 1: 'type string', 2: 'value quantity', 3: 'averageValue quantity', 4: 'averageUtilization int?' },

  'authorization.k8s.io/v1 SelfSubjectAccessReview': {
    1: 'metadata ObjectMeta',
    2: 'spec SelfSubjectAccessReviewSpec',
    3: 'status ignored',
  },
  SelfSubjectAccessReviewSpec: { 1: 'resourceAttributes ResourceAttributes', 2: 'nonResourceAttributes NonResourceAttributes' },
  ResourceAttributes: {
    1: 'namespace string',
    2: 'verb string',
    3: 'group string',
    4: 'version string',
    5: 'resource string',
    6: 'subresource string',
    7: 'name string',
  },
  NonResourceAttributes: { 1: 'path string', 2: 'verb string' },
  'authorization.k8s.io/v1 SelfSubjectRulesReview': { 1: 'metadata ObjectMeta', 2: 'spec SelfSubjectRulesReviewSpec', 3: 'status ignored' },
  SelfSubjectRulesReviewSpec: { 1: 'namespace string' },
  'authentication.k8s.io/v1 SelfSubjectReview': { 1: 'metadata ObjectMeta', 2: 'status ignored' },

  DeleteOptions: {
    1: 'gracePeriodSeconds int?',
    2: 'preconditions Preconditions',
    3: 'orphanDependents bool?',
    4: 'propagationPolicy string?',
    5: 'dryRun [string]',
  },
  Preconditions: { 1: 'uid string?', 2: 'resourceVersion string?' },
};

const scalars = new Set<string>(['string', 'int', 'bool', 'bytes', 'time', 'quantity', 'intOrString', 'ignored'] satisfies Scalar[]);

function readField(text: string): Field {
  const [name = '', rest = ''] = text.split(' ');
  const [, open, type = '', pointer] = /^([[{]?)([A-Za-z]+)[\]}]?(\??)$/.exec(rest) ?? [];
  return { name, type, shape: open === '[' ? 'list' : open === '{' ? 'map' : 'one', pointer: pointer === '?' };
}

type Part = { readonly number: number; readonly value: bigint | Uint8Array };

/** The fields of a message as they lie on the wire: variable-length numbers and length-prefixed bytes are all that Kubernetes writes. */
function* partsOf(bytes: Uint8Array): Generator<Part> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new SyntaxError('the protobuf body ends inside a number');
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const number = Math.floor(key / 8);
    if (key % 8 === 0) {
      yield { number, value: varint() };
    } else if (key % 8 === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new SyntaxError('the protobuf body ends inside a field');
      yield { number, value: bytes.subarray(at, at + length) };
      at += length;
    } else {
      throw new SyntaxError(`the protobuf body has a field of wire type ${key % 8}`);
    }
  }
}

function text(value: Part['value'] | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}

function part(bytes: Uint8Array, number: number): Part['value'] | undefined {
  return partsOf(bytes).find((each) => each.number === number)?.value;
}

function integer(value: Part['value'] | undefined): number {
  return typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : 0;
}

/** A Time message in the form of the API; undefined for the zero time, and for what no calendar has. */
function time(bytes: Uint8Array): string | undefined {
  const at = new Date(integer(part(bytes, 1)) * 1000);
  return bytes.length === 0 || Number.isNaN(at.getTime()) ? undefined : `${at.toISOString().slice(0, 19)}Z`;
}

/** A value of a type, and whether it is Go's zero value. */
function readValue(type: string, value: Part['value']): { readonly json: JsonValue; readonly zero: boolean } {
  const bytes = value instanceof Uint8Array ? value : new Uint8Array();
  switch (type) {
    case 'string':
      return { json: text(value), zero: bytes.length === 0 };
    case 'int':
      return { json: integer(value), zero: value === 0n };
    case 'bool':
      return { json: value !== 0n, zero: value === 0n };
    case 'bytes':
      return { json: Buffer.from(bytes).toString('base64'), zero: false };
    case 'time': {
      const json = time(bytes);
      return { json: json ?? null, zero: json === undefined };
    }
    case 'quantity':
      return { json: text(part(bytes, 1)), zero: false };
    case 'intOrString': {
      const json = integer(part(bytes, 1)) === 0 ? integer(part(bytes, 2)) : text(part(bytes, 3));
      return { json, zero: json === 0 || json === '' };
    }
    default: {
      const json = readMessage(type, bytes);
      return { json, zero: Object.keys(json).length === 0 };
    }
  }
}

function readMessage(type: string, bytes: Uint8Array): JsonObject {
  const json: JsonObject = {};
  for (const { number, value } of partsOf(bytes)) {
    const spec = messages[type]?.[number];
    if (spec === undefined) throw new SyntaxError(`field ${number} of ${type} is not understood in protobuf: send the object as JSON`);
    const field = readField(spec);
    if (!scalars.has(field.type) && messages[field.type] === undefined) throw new Error(`${field.type} is not described`);
    if (field.type !== 'ignored') add(json, field, value);
  }
  return json;
}

function add(json: JsonObject, field: Field, value: Part['value']): void {
  const present = json[field.name];
  if (field.shape === 'map') {
    const entry = value instanceof Uint8Array ? value : new Uint8Array();
    const item = readValue(field.type, part(entry, 2) ?? new Uint8Array()).json;
    const entries = typeof present === 'object' && present !== null && !Array.isArray(present) ? present : {};
    json[field.name] = Object.fromEntries([...Object.entries(entries), [text(part(entry, 1)), item]]);
    return;
  }
  const { json: item, zero } = readValue(field.type, value);
  if (field.shape === 'list') json[field.name] = [...(Array.isArray(present) ? present : []), item];
  else if (!zero || field.pointer) json[field.name] = item;
}

/**
 * The JSON form of an object sent as Kubernetes protobuf: the magic number `k8s\0` and a runtime.Unknown around the message.
 * Throws a SyntaxError for a body that is broken, or of a kind that is not described here.
 */
export function decodeProtobuf(body: Uint8Array): JsonObject {
  if (text(body.subarray(0, 4)) !== 'k8s\0') throw new SyntaxError('the protobuf body does not begin as an object of Kubernetes does');
  const unknown = body.subarray(4);
  const typeMeta = part(unknown, 1);
  const raw = part(unknown, 2);
  const [apiVersion, kind] = typeMeta instanceof Uint8Array ? [text(part(typeMeta, 1)), text(part(typeMeta, 2))] : ['', ''];
  // Every group has these options under its own name.
  const type = kind === 'DeleteOptions' ? kind : `${apiVersion} ${kind}`;
  if (!Object.hasOwn(messages, type)) throw new SyntaxError(`${type} is not understood in protobuf: send the object as JSON`);
  return { apiVersion, kind, ...readMessage(type, raw instanceof Uint8Array ? raw : new Uint8Array()) };
}
