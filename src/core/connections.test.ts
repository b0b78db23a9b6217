import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Connections } from './connections.ts';
import { FakeClock } from './fake-clock.ts';

/** A server that answers when it is told to, and a connection on which these paths are asked for without waiting. */
async function asked(...paths: string[]) {
  const clock = new FakeClock(0);
  const server = createServer();
  const connections = new Connections<string>(server, false, () => clock.now());
  const responses: ServerResponse[] = [];
  server.on('request', ({ socket, url = '' }, response) => {
    responses.push(response);
    connections.began(socket, url);
    response.on('close', () => connections.ended(socket, url, clock.now()));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const caller = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  onTestFinished(() => {
    caller.destroy();
    server.close();
  });
  caller.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: s\r\n\r\n`).join(''));
  await vi.waitFor(() => expect(connections.runningCount).toBe(paths.length));
  return { connections, responses, caller, clock };
}

test('knows what runs on each connection, the last of it, and when nothing does', async () => {
  const { connections, responses } = await asked('/a', '/b');
  const [socket] = connections.inUse();
  if (!socket) throw new Error('nothing runs');
  expect([[...connections.running()], connections.lastOn(socket)]).toEqual([['/a', '/b'], '/b']);
  responses[0]?.end();
  await vi.waitFor(() => expect([...connections.running()]).toEqual(['/b']));
  responses[1]?.end();
  await vi.waitFor(() => expect(connections.runningCount).toBe(0));
  expect([connections.lastOn(socket), [...connections.inUse()], connections.has(socket)]).toEqual([undefined, [], true]);
});

test('counts what ran on a connection that is lost as ended', async () => {
  const { connections, caller } = await asked('/a', '/b');
  caller.destroy();
  await vi.waitFor(() => expect(connections.runningCount).toBe(0));
  expect([...connections.running()]).toEqual([]);
});

test('closes a connection that has been idle since its last answer, and none that is used', async () => {
  const { connections, responses, caller, clock } = await asked('/a');
  const closed = once(caller, 'close');
  await clock.advance(5);
  connections.closeIdleSince(5);
  responses[0]?.end();
  await vi.waitFor(() => expect(connections.runningCount).toBe(0));
  connections.closeIdleSince(4);
  expect([...connections.inUse(), caller.destroyed]).toEqual([false]);
  connections.closeIdleSince(5);
  await closed;
});
