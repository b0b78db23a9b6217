import { expect, test } from 'vitest';
import { makeAuthority, trustData } from './testing/pki.fake.ts';
import { readTrust } from './trust.ts';

test('reads every authority of a bundle, and headers without regard to case', async () => {
  const [one, two] = await Promise.all([makeAuthority('one'), makeAuthority('two')]);
  const data = { ...trustData(one, two), 'client-ca-file': `# comment\n${one.certificate}\n${two.certificate}` };
  const trust = readTrust(data);
  expect(trust.clientAuthorities.certificates.map(({ subject }) => subject)).toEqual(['CN=one', 'CN=two']);
  expect(trust.proxyAuthorities.certificates).toHaveLength(1);
  expect(trust.headers).toEqual({
    user: ['x-remote-user'],
    uid: ['x-remote-uid'],
    group: ['x-remote-group'],
    extraPrefixes: ['x-remote-extra-'],
  });
});

test('a cluster without a front proxy trusts none', () => {
  const trust = readTrust({});
  expect(trust.proxyAuthorities.certificates).toEqual([]);
  expect(trust.headers.user).toEqual([]);
});

test.each([
  ['requestheader-allowed-names', 'front-proxy-client', 'it is no JSON'],
  ['requestheader-allowed-names', '"front-proxy-client"', 'it is no list of texts'],
  ['client-ca-file', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', ''],
])('says that %s cannot be used when it is %j', (entry, text, why) => {
  expect(() => readTrust({ [entry]: text })).toThrow(
    `${entry} of ConfigMap kube-system/extension-apiserver-authentication cannot be used: ${why}`,
  );
});
