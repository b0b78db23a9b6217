import { expect, test } from 'vitest';
import { Networks } from './networks.ts';

test.for<[string, string, boolean]>([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '::ffff:10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/8', '::1', false],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.8', false],
  ['2001:db8::/32', '2001:db8:7::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', 'no address', false],
])('%s has %s: %s', ([network, address, has]) => {
  expect(new Networks([network]).has(address)).toBe(has);
});

test.for(['', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0/8', '::/129', 'fe80::1%eth0', 'proxy.example.com'])(
  '“%s” is no network',
  (text) => {
    expect(() => new Networks(['10.0.0.0/8', text])).toThrow(`${text} is no network`);
  },
);
