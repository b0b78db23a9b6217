import { createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { annotatedPorts, PortAllocator } from './ports.ts';

const container = { name: 'c', ports: [{ name: 'http', containerPort: 8000 }, { containerPort: 9090 }] };

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return server;
}

test('gives each port a free one, by name or number', async () => {
  const ports = await new PortAllocator().allocate('pod', container, {});
  expect(Object.keys(ports).sort()).toEqual(['9090', 'http']);
  expect(new Set(Object.values(ports)).size).toBe(2);
  for (const port of Object.values(ports)) await occupy(port);
});

test('keeps the ports that a pod had', async () => {
  const allocator = new PortAllocator();
  const first = await allocator.allocate('pod', container, {});
  expect(await allocator.allocate('pod', container, first)).toEqual(first);
});

test('replaces a port that another program has taken since', async () => {
  const allocator = new PortAllocator();
  const first = await allocator.allocate('pod', container, {});
  await occupy(first.http ?? 0);
  const second = await allocator.allocate('pod', container, first);
  expect(second.http).not.toBe(first.http);
  expect(second['9090']).toBe(first['9090']);
});

test('never gives the port of one pod to another until it is released', async () => {
  const allocator = new PortAllocator();
  const first = await allocator.allocate('one', container, {});
  expect(Object.values(await allocator.allocate('two', container, first))).not.toEqual(expect.arrayContaining(Object.values(first)));
  allocator.release('one');
  expect(await allocator.allocate('three', container, first)).toEqual(first);
});

test('uses a host port as it was asked for', async () => {
  const asked = { name: 'c', ports: [{ name: 'http', containerPort: 8000, hostPort: 18_080 }] };
  expect(await new PortAllocator().allocate('pod', asked, {})).toEqual({ http: 18_080 });
});

test.each([
  [undefined, {}],
  ['{"http":1,"bad":"x"}', { http: 1 }],
  ['[1]', {}],
  ['nonsense', {}],
])('reads the annotation %j', (text, expected) => {
  expect(annotatedPorts({ metadata: { annotations: text === undefined ? {} : { 'modelfleet.dev/ports': text } } })).toEqual(expected);
});
