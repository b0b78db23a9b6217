import { expect, test } from 'vitest';
import { startTestGateway } from '../../test/fakes/gateway.ts';
import { CrossOrigin } from './cors.ts';

const page = 'https://chat.example.org';

const ask = (url: string, origin: string) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-stainless-os',
    },
  });

test('a page of an allowed origin may ask, call, and read answers and errors', async () => {
  await using gateway = await startTestGateway({ corsOrigins: [page] });
  const preflight = await ask(gateway.url, page);
  expect(preflight.status).toBe(204);
  expect(Object.fromEntries(preflight.headers)).toMatchObject({
    'access-control-allow-origin': page,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization,content-type,x-stainless-os',
  });
  for (const authorization of [`Bearer ${gateway.key}`, 'Bearer wrong']) {
    const answer = await fetch(`${gateway.url}/v1/models`, { headers: { origin: page, authorization } });
    expect([answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([page, 'Origin']);
  }
});

test('a page of another origin may not', async () => {
  await using gateway = await startTestGateway({ corsOrigins: [page] });
  expect((await ask(gateway.url, 'https://evil.example.org')).headers.get('access-control-allow-origin')).toBeNull();
});

test('without allowed origins nothing is said of them', async () => {
  await using gateway = await startTestGateway();
  const answer = await ask(gateway.url, page);
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([405, null]);
});

test('all origins may be allowed', () => {
  expect(new CrossOrigin(['*']).headersFor(page)).toContain('*');
  expect(new CrossOrigin(['*']).headersFor(undefined)).toEqual([]);
});
