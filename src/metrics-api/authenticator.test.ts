import { X509Certificate } from 'node:crypto';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../core/fake-clock.ts';
import { Authenticator } from './authenticator.ts';
import type { CertificateChain } from './certificate-chain.ts';
import type { DistinctHeaders } from './request-headers.ts';
import { makeAuthority, makeClient, type Pair, trustData } from './testing/pki.fake.ts';
import { readTrust, type Trust } from './trust.ts';

let clients: Pair;
let proxies: Pair;
let proxy: Pair;
let clock: FakeClock;
let trust: Trust | undefined;
let authenticator: Authenticator;
const asked: string[] = [];

beforeAll(async () => {
  [clients, proxies] = await Promise.all([makeAuthority('clients'), makeAuthority('proxies')]);
  proxy = await makeClient(proxies, 'front-proxy-client');
});

beforeEach(() => {
  clock = new FakeClock(Date.now());
  trust = readTrust(trustData(clients, proxies));
  asked.length = 0;
  const reviewToken = async (token: string) => {
    asked.push(token);
    return token === 'good' ? { name: 'system:serviceaccount:a:b', groups: ['system:serviceaccounts'], extra: {} } : undefined;
  };
  authenticator = new Authenticator({ trust: () => trust, reviewToken, clock });
});

function chain(leaf: Pair, ...others: Pair[]): CertificateChain {
  return { leaf: new X509Certificate(leaf.certificate), others: others.map(({ certificate }) => new X509Certificate(certificate)) };
}

const ask = (leaf: CertificateChain | undefined, headers: DistinctHeaders = {}) => authenticator.authenticate({ chain: leaf, headers });
const posing: DistinctHeaders = { 'x-remote-user': ['root'], 'x-remote-group': ['system:masters'] };
const refused = expect.objectContaining({ code: 401, reason: 'Unauthorized' });

test('a front proxy speaks for others', async () => {
  const headers = {
    'x-remote-user': ['jane'],
    'x-remote-uid': ['7'],
    'x-remote-group': ['a, b', 'system:authenticated'],
    'x-remote-extra-example.com%2fscopes': ['read', 'write'],
  };
  expect(await ask(chain(proxy), headers)).toEqual({
    name: 'jane',
    uid: '7',
    groups: ['a, b', 'system:authenticated'],
    extra: { 'example.com/scopes': ['read', 'write'] },
  });
});

test('nobody else does', async () => {
  const jane = await makeClient(clients, 'jane', ['team', 'people']);
  expect(await ask(chain(jane), posing)).toEqual({ name: 'jane', groups: ['team', 'people', 'system:authenticated'], extra: {} });
  await expect(ask(undefined, posing)).rejects.toEqual(refused);
  expect(await ask(undefined, { ...posing, authorization: ['Bearer good'] })).toMatchObject({ name: 'system:serviceaccount:a:b' });
});

test('a certificate of the proxies’ authority with another name does not', async () => {
  await expect(ask(chain(await makeClient(proxies, 'someone-else')), posing)).rejects.toEqual(refused);
  const two = await makeClient(proxies, ['front-proxy-client', 'someone-else']);
  await expect(ask(chain(two), posing)).rejects.toEqual(refused);
});

test('a proxy’s certificate of another authority does not, though its names are the same', async () => {
  const other = await makeAuthority('proxies');
  await expect(ask(chain(await makeClient(other, 'front-proxy-client')), posing)).rejects.toEqual(refused);
  await expect(ask(chain(await makeClient(other, 'front-proxy-client'), proxies), posing)).rejects.toEqual(refused);
});

test('a certificate of the clients’ authority with the proxy’s name is only itself', async () => {
  const sly = await makeClient(clients, 'front-proxy-client');
  expect(await ask(chain(sly), posing)).toMatchObject({ name: 'front-proxy-client', groups: ['system:authenticated'] });
});

test('an authority between is followed, and one that is none is not', async () => {
  const between = await makeAuthority('between', proxies);
  expect(await ask(chain(await makeClient(between, 'front-proxy-client'), between), posing)).toMatchObject({ name: 'root' });
  const leafAsAuthority = await makeClient(proxy, 'front-proxy-client');
  await expect(ask(chain(leafAsAuthority, proxy), posing)).rejects.toEqual(refused);
});

test('any name will do where the API server names none', async () => {
  trust = readTrust({ ...trustData(clients, proxies), 'requestheader-allowed-names': '[]' });
  expect(await ask(chain(await makeClient(proxies, 'someone-else')), posing)).toMatchObject({ name: 'root' });
});

test('a proxy that names nobody is nobody', async () => {
  await expect(ask(chain(proxy), { 'x-remote-user': [''], 'x-remote-group': ['system:masters'] })).rejects.toEqual(refused);
});

test('an authority that is trusted no longer vouches no longer, on connections that are open too', async () => {
  const open = chain(proxy);
  expect(await ask(open, posing)).toMatchObject({ name: 'root' });
  trust = readTrust(trustData(clients, await makeAuthority('next proxies')));
  await expect(ask(open, posing)).rejects.toEqual(refused);
});

test('a certificate that expires on an open connection counts no longer', async () => {
  const hourMs = 60 * 60 * 1000;
  const open = chain(await makeClient(proxies, 'front-proxy-client', [], { now: clock.now() - 22 * hourMs }));
  expect(await ask(open, posing)).toMatchObject({ name: 'root' });
  await clock.advance(3 * hourMs);
  await expect(ask(open, posing)).rejects.toEqual(refused);
});

test('a token is asked about, and only one that looks like a token', async () => {
  expect(await ask(undefined, { authorization: ['bearer good'] })).toMatchObject({
    groups: ['system:serviceaccounts', 'system:authenticated'],
  });
  await expect(ask(undefined, { authorization: ['Bearer bad'] })).rejects.toEqual(refused);
  for (const authorization of ['Basic good', 'Bearer', 'Bearer two words', '']) {
    await expect(ask(undefined, { authorization: [authorization] })).rejects.toEqual(refused);
  }
  expect(asked).toEqual(['good', 'bad']);
});

test('before it is known whom to trust nobody can be told from anybody', async () => {
  trust = undefined;
  await expect(ask(chain(proxy), posing)).rejects.toMatchObject({
    code: 503,
    message: expect.stringContaining('extension-apiserver-authentication'),
  });
});
