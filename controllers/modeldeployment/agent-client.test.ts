import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { AgentClient } from './agent-client.ts';
import { agent } from './testing/makers.fake.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function ask(listener: RequestListener, signal = new AbortController().signal): Promise<unknown> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  const client = new AgentClient();
  ends.push(() => client.close());
  return client.fetchStatus({ host: '127.0.0.1', managementPort: (server.address() as AddressInfo).port }, signal);
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
  await expect(ask(endless)).rejects.toThrow();
});

test('a question ends with its signal', async () => {
  const stop = new AbortController();
  const asked = ask(() => stop.abort(new Error('too late')), stop.signal);
  await expect(asked).rejects.toThrow('too late');
});
