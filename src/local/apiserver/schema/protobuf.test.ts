import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeProtobuf } from './protobuf.ts';

const bytes = (number: number, content: string | Buffer): Buffer => {
  const body = Buffer.from(content);
  return Buffer.concat([Buffer.from([number * 8 + 2, body.length]), body]);
};
const varint = (number: number, value: number): Buffer => Buffer.from([number * 8, value]);
const object = (apiVersion: string, kind: string, ...fields: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), bytes(1, Buffer.concat([bytes(1, apiVersion), bytes(2, kind)])), bytes(2, Buffer.concat(fields))]);

test('reads a secret as kubectl writes it: no empty fields, bytes as base64', () => {
  const metadata = Buffer.concat([
    bytes(1, 'token'),
    bytes(2, ''),
    varint(7, 0),
    bytes(8, ''),
    bytes(11, Buffer.concat([bytes(1, 'app'), bytes(2, 'x')])),
  ]);
  const data = bytes(2, Buffer.concat([bytes(1, 'key'), bytes(2, Buffer.from([0, 255]))]));

  expect(decodeProtobuf(object('v1', 'Secret', bytes(1, metadata), data, bytes(3, 'Opaque')))).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'token', labels: { app: 'x' } },
    data: { key: 'AP8=' },
    type: 'Opaque',
  });
});

test('keeps a zero that was meant: minReplicas is a pointer', () => {
  const spec = bytes(2, Buffer.concat([varint(2, 0), varint(3, 3)]));
  expect(decodeProtobuf(object('autoscaling/v2', 'HorizontalPodAutoscaler', spec))).toMatchObject({
    spec: { minReplicas: 0, maxReplicas: 3 },
  });
});

test('asks for JSON for kinds and fields that it does not know', () => {
  expect(() => decodeProtobuf(object('apps/v1', 'Deployment'))).toThrow(
    'apps/v1 Deployment is not understood in protobuf: send the object as JSON',
  );
  expect(() => decodeProtobuf(object('v1', 'ConfigMap', bytes(9, 'x')))).toThrow('field 9 of v1 ConfigMap is not understood');
});

test('damaged messages are syntax errors', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom('ConfigMap', 'Secret', 'Service'), (noise, kind) => {
      try {
        decodeProtobuf(object('v1', kind, Buffer.from(noise)));
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
  );
});
