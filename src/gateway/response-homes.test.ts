import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../test/fakes/gateway.ts';
import { ResponseHomes, ResponseSighting } from './response-homes.ts';

test('an id is read from whole answers and from streams, once, and never from what the answer goes on from', () => {
  const seen: string[] = [];
  const read = (...pieces: string[]) => {
    const sighting = new ResponseSighting((id) => seen.push(id));
    for (const piece of pieces) sighting.see(Buffer.from(piece));
  };
  read('{"previous_response_id":"resp_old","id":"resp_whole","output":[{"id":"resp_other"}]}');
  read('data: {"type":"response.created","response":{"id" : "resp_stream"}}\n\n', 'data: {"response":{"id":"resp_stream"}}\n\n');
  read('{"id":"chatcmpl-1"}', `{"id":"resp_${'x'.repeat(200)}"}`, '{"error":{}}');
  expect(seen).toEqual(['resp_whole', 'resp_stream']);
});

test('the oldest of too many is forgotten, and what is no text has no home', () => {
  const homes = new ResponseHomes();
  for (let index = 0; index <= 10_000; index += 1) homes.remember(`resp_${index}`, 'a');
  expect([homes.find('resp_0'), homes.find('resp_1'), homes.find(7), homes.find(undefined)]).toEqual([
    undefined,
    'a',
    undefined,
    undefined,
  ]);
});

/** A worker that keeps its responses, as vLLM does, and knows no others'. */
async function startKeeper(name: string): Promise<string> {
  const kept = new Set<string>();
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const { previous_response_id: previous, stream } = JSON.parse(Buffer.concat(parts).toString());
    if (previous !== undefined && !kept.has(previous)) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"Response not found"}}');
      return;
    }
    const id = `resp_${name}${kept.size}`;
    kept.add(id);
    const answer = JSON.stringify({ id, object: 'response', previous_response_id: previous ?? null, output: [] });
    if (!stream) response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    else response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: {"type":"response.created","response":${answer}}\n\n`);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const keepers = ['a', 'b', 'c'] as const;

async function serveKeepers(gateway: TestGateway, origins: readonly string[]): Promise<void> {
  gateway.setModel({ servesResponses: true });
  gateway.setReady(0, false);
  for (const [index, origin] of origins.entries()) {
    const id = keepers[index] ?? '';
    gateway.fleet.setReplica('ns/m', { id, name: `m-${id}`, origin, ready: true });
  }
}

async function respond(gateway: TestGateway, more: object = {}): Promise<{ status: number; id: string | undefined }> {
  const answer = await gateway.post({ model: 'm', input: 'hi', ...more }, { path: '/v1/responses' });
  return { status: answer.status, id: /"id":"(resp_\w+)"/.exec(await answer.text())?.[1] };
}

test('a conversation goes on at the replica that has its last response, whoever is idle, streamed or not', async () => {
  await using gateway = await startTestGateway({ random: Math.random });
  await serveKeepers(gateway, await Promise.all(keepers.map(startKeeper)));
  const talk = async (stream: boolean) => {
    let last = await respond(gateway, { stream });
    for (let turn = 0; turn < 8; turn += 1) {
      last = await respond(gateway, { stream, previous_response_id: last.id });
      expect(last.status).toBe(200);
    }
    return last.id?.at(5);
  };
  const homes = await Promise.all(Array.from({ length: 12 }, (_, index) => talk(index % 2 === 0)));
  expect(new Set(homes).size).toBeGreaterThan(1);
});

test('another gateway finds the replica by the session that the caller names, and one that is gone is not waited for', async () => {
  await using one = await startTestGateway({ random: Math.random });
  await using other = await startTestGateway({ random: Math.random });
  const origins = await Promise.all(keepers.map(startKeeper));
  await serveKeepers(one, origins);
  await serveKeepers(other, origins);
  for (let user = 0; user < 12; user += 1) {
    const first = await respond(one, { user: `u${user}` });
    expect(await respond(other, { user: `u${user}`, previous_response_id: first.id })).toMatchObject({ status: 200 });
  }
  const last = await respond(one);
  for (const id of keepers) if (id === last.id?.at(5)) one.fleet.deleteReplica('ns/m', id);
  expect((await respond(one, { previous_response_id: last.id })).status).toBe(404);
});
