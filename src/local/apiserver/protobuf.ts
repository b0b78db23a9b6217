import { type JsonObject, type JsonValue, setField } from '../../core/json.ts';
import { statuses } from './status.ts';

/** The media type in which kubectl sends what it makes itself: `create namespace`, `create secret`, `autoscale`, `auth can-i`. */
export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

type Message = Readonly<Record<number, readonly [name: string, field: Field]>>;
/** How a field reads as JSON; `skip` is for what the server sets itself. */
type Field =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'integer'
  | 'quantity'
  | 'intOrString'
  | 'skip'
  | { readonly message: Message }
  | { readonly list: 'string' | Message }
  | { readonly map: 'string' | 'bytes' };

// Field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery.
const ownerReference: Message = {
  1: ['kind', 'string'],
  3: ['name', 'string'],
  4: ['uid', 'string'],
  5: ['apiVersion', 'string'],
  6: ['controller', 'bool'],
  7: ['blockOwnerDeletion', 'bool'],
};
const metadata: Message[number] = [
  'metadata',
  {
    message: {
      1: ['name', 'string'],
      2: ['generateName', 'string'],
      3: ['namespace', 'string'],
      4: ['selfLink', 'skip'],
      5: ['uid', 'string'],
      6: ['resourceVersion', 'string'],
      7: ['generation', 'skip'],
      8: ['creationTimestamp', 'skip'],
      9: ['deletionTimestamp', 'skip'],
      10: ['deletionGracePeriodSeconds', 'skip'],
      11: ['labels', { map: 'string' }],
      12: ['annotations', { map: 'string' }],
      13: ['ownerReferences', { list: ownerReference }],
      14: ['finalizers', { list: 'string' }],
      17: ['managedFields', 'skip'],
    },
  },
];
const status: Message[number] = ['status', 'skip'];
const resourceAttributes: Message = {
  1: ['namespace', 'string'],
  2: ['verb', 'string'],
  3: ['group', 'string'],
  4: ['version', 'string'],
  5: ['resource', 'string'],
  6: ['subresource', 'string'],
  7: ['name', 'string'],
};
const nonResourceAttributes: Message = { 1: ['path', 'string'], 2: ['verb', 'string'] };
const labelSelector: Message = {
  1: ['matchLabels', { map: 'string' }],
  2: ['matchExpressions', { list: { 1: ['key', 'string'], 2: ['operator', 'string'], 3: ['values', { list: 'string' }] } }],
};
const scaleTarget: Message = { 1: ['kind', 'string'], 2: ['name', 'string'], 3: ['apiVersion', 'string'] };
const metricTarget: Message = {
  1: ['type', 'string'],
  2: ['value', 'quantity'],
  3: ['averageValue', 'quantity'],
  4: ['averageUtilization', 'integer'],
};
/** Of the metrics, those that `kubectl autoscale` writes. */
const metric: Message = {
  1: ['type', 'string'],
  4: ['resource', { message: { 1: ['name', 'string'], 2: ['target', { message: metricTarget }] } }],
};
const messages: Readonly<Record<string, Message>> = {
  'policy/v1 PodDisruptionBudget': {
    1: metadata,
    2: [
      'spec',
      {
        message: { 1: ['minAvailable', 'intOrString'], 2: ['selector', { message: labelSelector }], 3: ['maxUnavailable', 'intOrString'] },
      },
    ],
    3: status,
  },
  'autoscaling/v2 HorizontalPodAutoscaler': {
    1: metadata,
    2: [
      'spec',
      {
        message: {
          1: ['scaleTargetRef', { message: scaleTarget }],
          2: ['minReplicas', 'integer'],
          3: ['maxReplicas', 'integer'],
          4: ['metrics', { list: metric }],
        },
      },
    ],
    3: status,
  },
  'v1 Namespace': { 1: metadata, 2: ['spec', { message: { 1: ['finalizers', { list: 'string' }] } }], 3: status },
  'v1 ConfigMap': { 1: metadata, 2: ['data', { map: 'string' }], 3: ['binaryData', { map: 'bytes' }], 4: ['immutable', 'bool'] },
  'v1 Secret': {
    1: metadata,
    2: ['data', { map: 'bytes' }],
    3: ['type', 'string'],
    4: ['stringData', { map: 'string' }],
    5: ['immutable', 'bool'],
  },
  'v1 ServiceAccount': { 1: metadata, 4: ['automountServiceAccountToken', 'bool'] },
  'authentication.k8s.io/v1 SelfSubjectReview': { 1: metadata, 2: status },
  'authorization.k8s.io/v1 SelfSubjectAccessReview': {
    1: metadata,
    2: [
      'spec',
      {
        message: {
          1: ['resourceAttributes', { message: resourceAttributes }],
          2: ['nonResourceAttributes', { message: nonResourceAttributes }],
        },
      },
    ],
    3: status,
  },
  'authorization.k8s.io/v1 SelfSubjectRulesReview': { 1: metadata, 2: ['spec', { message: { 1: ['namespace', 'string'] } }], 3: status },
};
/** k8s.io/apimachinery/pkg/runtime.Unknown. */
const envelope: Message = {
  1: ['typeMeta', { message: { 1: ['apiVersion', 'string'], 2: ['kind', 'string'] } }],
  2: ['raw', 'bytes'],
  3: ['contentEncoding', 'skip'],
  4: ['contentType', 'skip'],
};
const magic = Buffer.from('k8s\0');

/**
 * Reads an object in Kubernetes' protobuf encoding. kubectl sends the few kinds that it makes itself in no other; what it reads from
 * files it sends as JSON. Throws 415 for other kinds, and 400 for damaged messages and for fields that would be lost.
 */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged('it does not begin as one');
  const { typeMeta, raw } = decode(bytes.subarray(magic.length), envelope);
  if (typeof typeMeta !== 'object' || typeMeta === null || Array.isArray(typeMeta)) throw damaged('it does not name its type');
  const { apiVersion = '', kind = '' } = typeMeta;
  const type = `${String(apiVersion)} ${String(kind)}`;
  const message = Object.hasOwn(messages, type) ? messages[type] : undefined;
  if (!message) throw statuses.unsupportedMediaType(['application/json', 'application/yaml']);
  return { apiVersion, kind, ...decode(Buffer.from(typeof raw === 'string' ? raw : '', 'base64'), message) };
}

function decode(bytes: Buffer, message: Message): JsonObject {
  const object: JsonObject = {};
  const reader = new Reader(bytes);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    const [name, field] = message[number] ?? [];
    if (name === undefined || field === undefined) throw damaged(`field ${number} is not known: send the object as JSON`);
    if (wire === 0) {
      const value = reader.varint();
      if (field === 'bool') object[name] = value !== 0;
      else if (field === 'integer') object[name] = value;
    } else if (wire === 2) readLengthDelimited(object, name, field, reader.bytes());
    else throw damaged(`field ${number} has wire type ${wire}`);
  }
  return object;
}

function readLengthDelimited(object: JsonObject, name: string, field: Field, bytes: Buffer): void {
  if (field === 'string') {
    // Go writes empty text where JSON leaves the field out.
    if (bytes.length > 0) object[name] = bytes.toString('utf8');
  } else if (field === 'bytes') object[name] = bytes.toString('base64');
  else if (field === 'quantity') object[name] = decode(bytes, { 1: ['text', 'string'] }).text ?? '0';
  else if (field === 'intOrString') {
    const { type = 0, number = 0, text = '' } = decode(bytes, { 1: ['type', 'integer'], 2: ['number', 'integer'], 3: ['text', 'string'] });
    object[name] = type === 0 ? number : text;
  } else if (typeof field === 'string') return;
  else if ('message' in field) object[name] = decode(bytes, field.message);
  else if ('list' in field) {
    const before = object[name];
    object[name] = [...(Array.isArray(before) ? before : []), listItem(bytes, field.list)];
  } else {
    const { key = '', value = '' } = decode(bytes, { 1: ['key', 'string'], 2: ['value', field.map] });
    const map: JsonObject = { ...(object[name] as JsonObject | undefined) };
    setField(map, String(key), value);
    object[name] = map;
  }
}

function listItem(bytes: Buffer, item: 'string' | Message): JsonValue {
  return item === 'string' ? bytes.toString('utf8') : decode(bytes, item);
}

/** Reads the wire format: tags, variable-length integers, and what is prefixed by its length. */
class Reader {
  private readonly buffer: Buffer;
  private offset = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  get done(): boolean {
    return this.offset >= this.buffer.length;
  }

  tag(): { number: number; wire: number } {
    const tag = this.varint();
    return { number: Math.floor(tag / 8), wire: tag & 7 };
  }

  varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buffer[this.offset];
      if (byte === undefined) break;
      this.offset += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
    throw damaged('it ends inside a number');
  }

  bytes(): Buffer {
    const length = this.varint();
    const end = this.offset + length;
    if (length < 0 || end > this.buffer.length) throw damaged('it ends inside a field');
    const slice = this.buffer.subarray(this.offset, end);
    this.offset = end;
    return slice;
  }
}

function damaged(why: string): Error {
  return statuses.badRequest(`error decoding the body: this is no protobuf message of a known kind: ${why}`);
}
