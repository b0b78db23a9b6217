import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeProtobuf } from './protobuf.ts';
import { StatusError } from './status.ts';

const field = (number: number, content: string | Buffer): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
};
const message = (apiVersion: string, kind: string, ...fields: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])), field(2, Buffer.concat(fields))]);

test('reads a secret as kubectl writes it', () => {
  const metadata = field(1, Buffer.concat([field(1, 'token'), field(2, ''), field(11, Buffer.concat([field(1, 'app'), field(2, 'x')]))]));
  const data = field(2, Buffer.concat([field(1, 'key'), field(2, Buffer.from([0, 255]))]));

  expect(decodeProtobuf(message('v1', 'Secret', metadata, data, field(3, 'Opaque')))).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'token', labels: { app: 'x' } },
    data: { key: 'AP8=' },
    type: 'Opaque',
  });
});

test('asks for JSON for what it would not read whole', () => {
  expect(() => decodeProtobuf(message('apps/v1', 'Deployment'))).toThrow(expect.objectContaining({ code: 415 }));
  expect(() => decodeProtobuf(message('v1', 'ConfigMap', field(9, 'new')))).toThrow('field 9 is not known: send the object as JSON');
});

test('answers damaged messages with an error of the API', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeProtobuf(message('v1', 'ConfigMap', Buffer.from(bytes)));
      } catch (error) {
        expect(error).toBeInstanceOf(StatusError);
      }
    }),
  );
});
