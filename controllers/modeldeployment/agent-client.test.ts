import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { fetchStatus, requestDrain } from './agent-client.ts';
import { agent } from './testing/makers.fake.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const never = new AbortController().signal;

type Address = { readonly host: string; readonly managementPort: number };

function ask(listener: RequestListener, signal = never): Promise<unknown> {
  return call(listener, (target) => fetchStatus(target, signal));
}

async function call<T>(listener: RequestListener, work: (target: Address) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return await work({ host: '127.0.0.1', managementPort: (server.address() as AddressInfo).port });
}

test('reads the status of an agent', async () => {
  const status = agent();
  const answer = await ask((request, response) => {
    if (request.url === '/status') response.end(JSON.stringify(status));
    else response.writeHead(404).end();
  });
  expect(answer).toEqual(status);
});

test('an error status is an error', async () => {
  await expect(ask((_, response) => response.writeHead(500).end('{}'))).rejects.toThrow('answered 500');
});

test('an answer without end is cut off', async () => {
  const endless: RequestListener = (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
    };
    response.on('drain', write);
    write();
  };
  await expect(ask(endless)).rejects.toThrow('its answer is larger than 65536 bytes');
});

test('a question ends with its signal', async () => {
  const stop = new AbortController();
  const asked = ask(() => stop.abort(new Error('too late')), stop.signal);
  await expect(asked).rejects.toThrow('too late');
});

test.each([
  ['a page', '<html>login</html>'],
  ['nothing', ''],
  ['half a status', '{"contract": 1, "phase": "Read'],
])('%s is no answer', async (_, body) => {
  await expect(ask((__, response) => response.end(body))).rejects.toThrow('its answer is no JSON');
});

test('an agent is told to drain by POST; one that does not know how is an error', async () => {
  const heard: string[] = [];
  const drain = (listener: RequestListener) => call(listener, (target) => requestDrain(target, never));
  await drain((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    response.writeHead(202).end('{}');
  });
  expect(heard).toEqual(['POST /drain']);
  await expect(drain((_, response) => response.writeHead(404).end())).rejects.toThrow('it answered 404 to POST /drain');
});
