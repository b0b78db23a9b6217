import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import type { TenantJwt } from '../../api/tenant.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import { listenOn } from '../../core/listen.ts';
import { silentLogger } from '../../core/logger.ts';
import { credentialOf } from './credential.ts';
import { Identities } from './identities.ts';

const minuteMs = 60_000;
let clock: FakeClock;
let identities: Identities;
let server: Server;
let issuer: string;
let served: object[];
let fetches: number;
let broken: boolean;

beforeEach(async () => {
  clock = new FakeClock();
  identities = new Identities({ clock, logger: silentLogger });
  served = [];
  fetches = 0;
  broken = false;
  server = createServer((request, response) => {
    if (broken) return response.writeHead(500).end();
    if (request.url?.endsWith('openid-configuration')) return response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
    fetches += 1;
    return response.end(JSON.stringify({ keys: served }));
  });
  issuer = `http://127.0.0.1:${await listenOn(server, { host: '127.0.0.1', port: 0, flag: '' }, silentLogger)}`;
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

/** Makes a token that ends after so many minutes, or never. */
type Signer = (claims?: JWTPayload, minutes?: number | null) => Promise<string>;

/** A new key of the issuer, and tokens signed with it. */
async function newKey(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  served.push({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' });
  return (claims = {}, minutes = 60) => {
    const token = new SignJWT({ iss: issuer, aud: 'models', ...claims }).setProtectedHeader({ alg: 'ES256', kid });
    if (minutes !== null) token.setExpirationTime(Math.floor(clock.now() / 1_000) + minutes * 60);
    return token.sign(privateKey);
  };
}

function allow(tenant: string, more: Partial<TenantJwt> = {}): void {
  identities.set(tenant, { jwt: { issuer, audiences: ['models'], ...more } });
}

const tenantOf = async (token: string) => (await identities.find(credentialOf(token), clock.now()))?.tenant;

test('takes a token of the issuer for the audience, and remembers that it did', async () => {
  const sign = await newKey('a');
  allow('acme');
  const token = await sign();
  expect(await tenantOf(token)).toBe('acme');
  expect(identities.find(credentialOf(token), clock.now())).toMatchObject({ tenant: 'acme', keyName: 'JWT' });
});

test('refuses tokens of others, for others, without an end, at their end and signed by a key of another', async () => {
  const sign = await newKey('a');
  const { privateKey } = await generateKeyPair('ES256');
  allow('acme');
  const header = { alg: 'ES256', kid: 'a' };
  const forged = new SignJWT({ iss: issuer, aud: 'models' }).setProtectedHeader(header).setExpirationTime('1h').sign(privateKey);
  const shared = new SignJWT({ iss: issuer, aud: 'models', exp: 4e9 }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32));
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const bare = `${encode({ alg: 'none' })}.${encode({ iss: issuer, aud: 'models', exp: 4e9 })}.`;
  for (const token of [sign({ iss: 'https://other' }), sign({ aud: 'shop' }), sign({}, null), forged, shared, bare, sign({}, -2)]) {
    expect(await tenantOf(await token)).toBeUndefined();
  }
  const short = await sign({}, 1);
  expect(await tenantOf(short)).toBe('acme');
  await clock.advance(2 * minuteMs);
  expect(await tenantOf(short)).toBeUndefined();
});

test('claims choose the tenant: the one that asks for most of those that the token has', async () => {
  const sign = await newKey('a');
  allow('everybody');
  allow('staff', { claims: { org: 'acme' } });
  allow('research', { claims: { org: 'acme', groups: 'research' } });
  expect(await tenantOf(await sign())).toBe('everybody');
  expect(await tenantOf(await sign({ org: 'acme', groups: ['sales'] }))).toBe('staff');
  expect(await tenantOf(await sign({ org: 'acme', groups: ['sales', 'research'] }))).toBe('research');
  expect(await tenantOf(await sign({ toString: 'x' }))).toBe('everybody');
});

test('a tenant that changes or goes takes its tokens along at once', async () => {
  const token = await (await newKey('a'))();
  allow('acme');
  expect(await tenantOf(token)).toBe('acme');
  allow('acme', { audiences: ['other'] });
  expect(await tenantOf(token)).toBeUndefined();
  allow('acme');
  expect(await tenantOf(token)).toBe('acme');
  identities.delete('acme');
  expect(await tenantOf(token)).toBeUndefined();
});

test('a new key of the issuer is found when a token names it, and invented ones do not make it asked without end', async () => {
  const old = await newKey('a');
  allow('acme');
  expect(await tenantOf(await old())).toBe('acme');
  await clock.advance(minuteMs);
  const next = await newKey('b');
  expect(await tenantOf(await next())).toBe('acme');
  expect(fetches).toBe(2);
  served.pop();
  const invented = await newKey('c');
  served.pop();
  for (let tries = 0; tries < 20; tries += 1) expect(await tenantOf(await invented({ n: tries }))).toBeUndefined();
  expect(fetches).toBe(2);
});

test('a key that its issuer withdrew ends within ten minutes and a request', async () => {
  const sign = await newKey('a');
  allow('acme');
  const token = await sign();
  expect(await tenantOf(token)).toBe('acme');
  served.length = 0;
  await newKey('b');
  await clock.advance(11 * minuteMs);
  await expect.poll(() => tenantOf(token)).toBeUndefined();
});

test('while the issuer is gone its last keys serve for a day, and then callers are told why not', async () => {
  const sign = await newKey('a');
  allow('acme');
  expect(await tenantOf(await sign())).toBe('acme');
  broken = true;
  await clock.advance(23 * 60 * minuteMs);
  expect(await tenantOf(await sign())).toBe('acme');
  await clock.advance(2 * 60 * minuteMs);
  await expect(tenantOf(await sign())).rejects.toThrow('issuer of your token cannot be reached');
  broken = false;
  await clock.advance(minuteMs);
  expect(await tenantOf(await sign())).toBe('acme');
});

test('a caller with a token is served as one with a key', async () => {
  await using gateway = await startTestGateway();
  const sign = await newKey('a');
  const chat = async (token: string) => gateway.post({ model: 'm', messages: [] }, { key: token });
  gateway.identities.set('sso', { jwt: { issuer, audiences: ['models'], jwksUri: `${issuer}/keys` }, limits: { requestsPerMinute: 1 } });
  const token = await sign({ exp: Math.floor(Date.now() / 1_000) + 60 }, (Date.now() - clock.now()) / minuteMs + 60);
  expect((await chat(token)).status).toBe(200);
  expect((await chat(token)).status).toBe(429);
  expect((await chat(`${token}x`)).status).toBe(401);
  expect((await gateway.post({ model: 'm', messages: [] })).status).toBe(200);
});
