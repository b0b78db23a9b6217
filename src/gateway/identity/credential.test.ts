import { hash } from 'node:crypto';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { credentialIn } from './credential.ts';

test('is what follows the scheme, with its hash', () => {
  const digest = hash('sha256', 'mf-key', 'binary');
  for (const header of ['Bearer mf-key', 'bearer  mf-key']) {
    expect(credentialIn(header, new Socket())).toEqual({ text: 'mf-key', digest });
  }
});

test.each(['', 'Bearer', 'Basic mf-key', 'Bearer two words', `Bearer ${'x'.repeat(12_001)}`])('there is none in %o', (header) => {
  const socket = new Socket();
  expect([credentialIn(header, socket), credentialIn(header, socket)]).toEqual([undefined, undefined]);
});

test('is made once for a header that a connection brings again, and anew for another', () => {
  const [socket, other] = [new Socket(), new Socket()];
  const first = credentialIn('Bearer a', socket);
  expect(credentialIn('Bearer a', socket)).toBe(first);
  expect(credentialIn('Bearer b', socket)?.text).toBe('b');
  expect(credentialIn('Bearer a', socket)).toEqual(first);
  expect(credentialIn('Bearer c', other)?.text).toBe('c');
});

test('is not kept when it is long', () => {
  const [socket, header] = [new Socket(), `Bearer ${'x'.repeat(10_000)}`];
  const first = credentialIn(header, socket);
  expect(credentialIn(header, socket)).toEqual(first);
  expect(credentialIn(header, socket)).not.toBe(first);
});
