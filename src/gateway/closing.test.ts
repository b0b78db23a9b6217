import { once } from 'node:events';
import { Agent, get, request as send } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../test/fakes/gateway.ts';
import { streamedAnswer, wholeAnswer } from '../../test/fakes/mock-worker.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';

// The end of a gateway, as callers with open connections meet it.

type Answer = { readonly status: number | undefined; readonly connection: string | undefined; readonly body: string };

/** A caller with one keep-alive connection. */
function caller(gateway: TestGateway) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const ask = (body: object, onHeaders: () => void = () => {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${gateway.key}` };
      const request = send(`${gateway.url}/v1/chat/completions`, { agent, method: 'POST', headers }, (response) => {
        const { statusCode: status, headers } = response;
        onHeaders();
        text(response).then((body) => resolve({ status, connection: headers.connection, body }), reject);
      });
      request.on('error', reject).end(JSON.stringify({ model: 'm', messages: [], ...body }));
    });
  const idleConnections = () => Object.values(agent.freeSockets).flat().length;
  return { ask, idleConnections };
}

const open = (gateway: TestGateway) => connect(Number(new URL(gateway.url).port), '127.0.0.1');

const probe = (url: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    get(url, { agent: false }, (response) => resolve(response.resume().statusCode)).on('error', reject);
  });

test('an open connection is served once more and told to close; probes and newcomers hear of the end', async () => {
  await using gateway = await startTestGateway();
  const { ask, idleConnections } = caller(gateway);
  expect(await ask({})).toMatchObject({ status: 200, connection: 'keep-alive' });
  expect(idleConnections()).toBe(1);
  let over = false;
  const closed = gateway.close({ drainMs: 20_000, graceMs: 500 }).then(() => {
    over = true;
  });

  expect(await ask({})).toEqual({ status: 200, connection: 'close', body: wholeAnswer('m') });
  expect(await caller(gateway).ask({})).toMatchObject({ status: 200, connection: 'close' });
  expect([await probe(`${gateway.url}/readyz`), await probe(`${gateway.url}/healthz`)]).toEqual([503, 200]);
  const operations = new URL('/readyz', gateway.metricsUrl).href;
  expect([await probe(operations), over]).toEqual([503, false]);
  await closed;
  await expect(probe(`${gateway.url}/healthz`)).rejects.toThrow('ECONNREFUSED');
});

test('a connection that says nothing is closed after the grace, not before', async () => {
  await using gateway = await startTestGateway();
  const ended = once(open(gateway).resume(), 'close').then(() => performance.now());
  const { ask, idleConnections } = caller(gateway);
  await ask({});
  const startedAt = performance.now();
  await gateway.close({ drainMs: 20_000, graceMs: 400 });
  expect((await ended) - startedAt).toBeGreaterThanOrEqual(400);
  await eventually(() => idleConnections() === 0);
});

test('a connection whose stream ends late is served once more', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 40, paceMs: 20 }] });
  const { ask } = caller(gateway);
  const begun = Promise.withResolvers<void>();
  const stream = ask({ stream: true }, begun.resolve); // its headers promise to keep the connection
  await begun.promise;
  const closed = gateway.close({ drainMs: 20_000, graceMs: 300 });
  expect(await stream).toMatchObject({ status: 200, body: streamedAnswer('m', 40) });
  gateway.workers[0]?.behave({ chunks: 2 });
  expect(await ask({ stream: true })).toMatchObject({ status: 200, connection: 'close', body: streamedAnswer('m', 2) });
  await closed;
});

test('a request that has begun to arrive is no idle connection', async () => {
  await using gateway = await startTestGateway();
  const [socket, silent] = [open(gateway), open(gateway)];
  const answer = text(socket);
  const body = '{"model":"m"}';
  const closed = gateway.close({ drainMs: 20_000, graceMs: 200 });
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${gateway.key}\r\n`);
  await once(silent.resume(), 'close');
  socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
  expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close/i);
  await closed;
});

test('without a grace nothing keeps it but what runs', async () => {
  await using gateway = await startTestGateway();
  const { ask } = caller(gateway);
  await ask({});
  const startedAt = performance.now();
  await gateway.close({ drainMs: 20_000 });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
