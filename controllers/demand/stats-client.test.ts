import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GatewayStats } from '../../src/api/gateway-stats.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { readStats } from './stats-client.ts';

const line = (more: object = {}) =>
  `${JSON.stringify({ contract: 1, gateway: 'g', at: '2026-01-01T00:00:00Z', full: true, models: {}, ...more })}\n`;

let server: Server;
let answer: (response: ServerResponse) => void;
let authorization: string | undefined;
let open: Set<Socket>;

beforeEach(async () => {
  const sockets = new Set<Socket>();
  open = sockets;
  server = createServer((request, response) => {
    authorization = request.headers.authorization;
    answer(response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  const closed = once(server.close(), 'close');
  server.closeAllConnections();
  await closed;
});

/** Reads until it ends; `heard` fills meanwhile. */
function read(signal = new AbortController().signal) {
  const heard: GatewayStats[] = [];
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const ended = readStats({ address, token: 'the-token', silenceMs: 300, onStats: (stats) => heard.push(stats), signal });
  return { heard, ended };
}

test('hears every line, whatever the packets, and passes over fields that it does not know', async () => {
  const models = { 'a/b': { held: 1, queued: 0, running: 0, tokensInFlight: 7 } };
  answer = (response) => {
    const text = line({ models, later: true });
    response.write(text.slice(0, 20));
    setImmediate(() => response.end(text.slice(20) + line({ full: false })));
  };
  const { heard, ended } = read();
  await expect(ended).rejects.toThrow('it ended the stream');
  expect(authorization).toBe('Bearer the-token');
  expect(heard).toMatchObject([{ full: true, models: { 'a/b': { held: 1, queued: 0, running: 0 } } }, { full: false }]);
});

test.each<[string, (response: ServerResponse) => void, string]>([
  ['401', (response) => response.writeHead(401).end(), 'it does not know our token: give both the same --stats-token-file'],
  ['404', (response) => response.writeHead(404).end(), 'it tells no stats: start it with --stats-token-file'],
  ['500', (response) => response.writeHead(500).end(), 'it answered 500 to GET /stats'],
  ['another contract', (response) => response.write(line({ contract: 2 })), 'versions that know each other'],
  ['no JSON', (response) => response.write('<html>\n'), 'cannot be read'],
  ['negative numbers', (response) => response.write(line({ models: { a: { held: -1, queued: 0, running: 0 } } })), 'cannot be read'],
  ['changes of what was never told', (response) => response.write(line({ full: false })), 'cannot be read'],
  ['silence after a line', (response) => response.write(line()), 'it said nothing for 0.3 s'],
  ['silence', () => {}, 'it said nothing for 0.3 s'],
  ['a reset', (response) => response.destroy(), 'socket hang up'],
])('says why it ended: %s', async (_, behaviour, words) => {
  answer = behaviour;
  await expect(read().ended).rejects.toThrow(words);
  await eventually(() => open.size === 0);
});

test('ends at once when it is told to', async () => {
  answer = (response) => response.write(line());
  const stop = new AbortController();
  const { heard, ended } = read(stop.signal);
  await eventually(() => heard.length === 1);
  stop.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
  await eventually(() => open.size === 0);
  await expect(read(stop.signal).ended).rejects.toThrow('enough');
});
