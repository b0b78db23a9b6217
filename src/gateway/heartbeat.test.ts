import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import OpenAI from 'openai';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../../test/fakes/gateway.ts';
import { chunkText, streamedAnswer } from '../../test/fakes/mock-worker.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { Exchange } from './exchange.ts';
import { heartbeats } from './heartbeat.ts';
import { ModelLine } from './line.ts';
import type { Model } from './models.ts';
import type { Loading } from './ports.ts';
import { patient } from './testing/terms.fake.ts';

const fetching: Loading = { phase: 'Fetching', percent: 5 };
const loading: Loading = { phase: 'LoadingWeights', percent: 42, etaSeconds: 11.2 };

const waiting = (gateway: TestGateway, count: number) => eventually(() => expect(gateway.fleet.find('m')?.line.length).toBe(count));

/** Asks for a stream with comments while it waits, and reads what comes. */
function ask(gateway: TestGateway, init: { readonly stream?: boolean; readonly signal?: AbortSignal } = {}) {
  const { stream = true, signal } = init;
  const heard = { text: '', ended: false };
  const answer = fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'x-modelfleet-hold': 'heartbeat' },
    body: JSON.stringify({ model: 'm', messages: [], stream }),
    ...(signal && { signal }),
  });
  const read = answer.then(async (response) => {
    for await (const chunk of response.body ?? []) heard.text += Buffer.from(chunk).toString();
    heard.ended = true;
  });
  read.catch(() => {}); // those who leave do not read to the end
  return { answer, heard, read };
}

const errorIn = (text: string) => JSON.parse(text.trimEnd().split('\n\n').at(-1)?.replace('data: ', '') ?? '').error;

test.concurrent('a caller who asked for it hears how the model loads, and then its answer', async () => {
  await using gateway = await startTestGateway();
  gateway.setReady(0, false);
  gateway.setModel({ loading: fetching });
  const { answer, heard, read } = ask(gateway);
  const { status, headers } = await answer;
  expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  await eventually(() => expect(heard.text).toBe(': loading phase=Fetching percent=5\n\n'));
  gateway.setModel({ loading: fetching });
  gateway.setModel({ loading });
  gateway.setReady(0, true);
  await read;
  expect(heard.text).toBe(
    `: loading phase=Fetching percent=5\n\n: loading phase=LoadingWeights percent=42 eta=12\n\n${streamedAnswer('m', 8)}`,
  );
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_total{model="ns/m",code="200"} 1'));
});

test.concurrent('who waits for a moment only gets the answer as the worker gave it', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 400 }] });
  gateway.setReady(0, false);
  const { answer } = ask(gateway);
  await waiting(gateway, 1);
  gateway.setReady(0, true);
  expect((await answer).status).toBe(400);
});

test.concurrent.each([
  ['no stream', false],
  ['no comments', true],
])('who asked for %s is held for the hold time, with the status code that it then is', async (_, stream) => {
  await using gateway = await startTestGateway({ workers: [], serving: { holdTimeoutMs: 1_200 } });
  const answer = !stream ? ask(gateway, { stream }).answer : gateway.post({ model: 'm', messages: [], stream: true });
  expect((await answer).status).toBe(503);
});

test.concurrent('who hears how it loads may wait for as long as his request may take, and is then told in the stream', async () => {
  await using gateway = await startTestGateway({ workers: [], serving: { holdTimeoutMs: 100, requestTimeoutMs: 1_300 } });
  const { answer, heard, read } = ask(gateway);
  expect((await answer).status).toBe(200);
  await read;
  expect(heard.text).toMatch(/^: loading phase=Pending\n\ndata: \{"error"/);
  expect(errorIn(heard.text)).toMatchObject({ code: 'model_loading', type: 'service_unavailable' });
  expect(heard.text).not.toContain('[DONE]');
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_total{model="ns/m",code="503"} 1'));
});

test.concurrent.each([
  ['refuses', { fault: 400 }, { message: 'mock error 400', type: 'api_error' }],
  ['dies', { fault: 'die-first' }, { code: 'upstream_failed' }],
  ['breaks off', { fault: 'die' }, { code: 'stream_interrupted' }],
] as const)('a worker that %s after the comments is an error in the stream', async (_, behaviour, error) => {
  await using gateway = await startTestGateway({ workers: [behaviour] });
  gateway.setReady(0, false);
  const { heard, read, answer } = ask(gateway);
  await answer;
  gateway.setReady(0, true);
  await read;
  expect(errorIn(heard.text)).toMatchObject(error);
  expect(heard.text).not.toContain('[DONE]');
});

test.concurrent('a worker that does not stream after the comments is an error in the stream, for an answer cannot follow them', async () => {
  await using gateway = await startTestGateway({ workers: [] });
  const worker = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  await once(worker.listen(0, '127.0.0.1'), 'listening');
  const { heard, read, answer } = ask(gateway);
  await answer;
  const origin = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`;
  gateway.fleet.setReplica('ns/m', { id: 'own', name: 'own', origin, ready: true });
  await read;
  expect(errorIn(heard.text)).toMatchObject({ code: 'upstream_failed' });
  worker.close();
  worker.closeAllConnections();
});

test.concurrent('a replica that sends the request away after the comments lets it wait on, and the next one answers', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'drain' }, {}] });
  for (const index of [0, 1]) gateway.setReady(index, false);
  const { answer, heard, read } = ask(gateway);
  await answer;
  gateway.setReady(0, true);
  await eventually(() => expect(gateway.workers[0]?.seen.length).toBe(1));
  await waiting(gateway, 1);
  gateway.setReady(1, true);
  await read;
  expect(heard.text.endsWith(streamedAnswer('m', 8))).toBe(true);
});

test.concurrent('a gateway that ends says so to whoever is held, in the stream and without one', async () => {
  await using gateway = await startTestGateway({ workers: [] });
  const { answer, heard, read } = ask(gateway);
  const silent = gateway.post({ model: 'm', messages: [] });
  await answer;
  await waiting(gateway, 2);
  await gateway.close({ drainMs: 20 });
  await read;
  expect(errorIn(heard.text)).toMatchObject({ code: 'draining' });
  expect([(await silent).status, await (await silent).text()]).toEqual([503, expect.stringContaining('"code":"draining"')]);
});

test.concurrent('a caller who leaves while he hears how it loads is no longer counted', async () => {
  await using gateway = await startTestGateway({ workers: [] });
  const leave = new AbortController();
  const { answer } = ask(gateway, { signal: leave.signal });
  await answer;
  await waiting(gateway, 1);
  leave.abort();
  await waiting(gateway, 0);
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_total{model="ns/m",code="499"} 1'));
});

describe('the stock OpenAI client', () => {
  const create = (gateway: TestGateway) => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    const headers = { 'x-modelfleet-hold': 'heartbeat' };
    return client.chat.completions.create({ model: 'm', messages: [], stream: true }, { headers });
  };

  test.concurrent('passes over the comments', async () => {
    await using gateway = await startTestGateway();
    gateway.setReady(0, false);
    gateway.setModel({ loading: fetching });
    const stream = await create(gateway);
    gateway.setModel({ loading });
    gateway.setReady(0, true);
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(Array.from({ length: 8 }, (_, index) => chunkText(index)).join(''));
  });

  test.concurrent('raises the error that comes after them', async () => {
    await using gateway = await startTestGateway({ workers: [] });
    const stream = await create(gateway);
    gateway.setModel({ availability: 'suspended' });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/No replica of `m` can serve now/);
  });
});

describe('the comments', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const limits = {
    maxConcurrencyPerReplica: 1,
    maxQueue: 10,
    queueTimeoutMs: 1_000,
    holdTimeoutMs: 1_000,
    firstTokenTimeoutMs: 1_000,
    idleStreamTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
  };

  /** An exchange that waits for a model, and the comments that its caller gets. */
  function held(more: { readonly loading?: Loading } = {}) {
    vi.useFakeTimers();
    const request = new IncomingMessage(new Socket());
    const exchange = new Exchange('id', '/', request, new ServerResponse(request), 0);
    const line = new ModelLine(limits, () => 0, Date.now);
    let model: Model = { spec: { key: 'ns/m', names: [], createdAt: 0, limits, availability: 'serving', ...more }, line };
    exchange.model = model;
    const written = vi.spyOn(exchange.response, 'write').mockReturnValue(true);
    const place = line.join(patient(60_000));
    const stopBeating = heartbeats(exchange, place, { find: () => model });
    return {
      place,
      exchange,
      stop: () => {
        stopBeating();
        place.leave('unavailable');
      },
      comments: () => written.mock.calls.map(([text]) => text),
      news: (told: Loading) => {
        model = { ...model, spec: { ...model.spec, loading: told } };
        line.configure(limits, 'serving');
      },
    };
  }

  test('begin after a second, and come every five', () => {
    const { comments, stop } = held();
    vi.advanceTimersByTime(999);
    expect(comments()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(comments()).toEqual([': loading phase=Pending\n\n']);
    vi.advanceTimersByTime(4_999);
    expect(comments()).toHaveLength(1);
    vi.advanceTimersByTime(5_001);
    expect(comments()).toHaveLength(3);
    stop();
    vi.advanceTimersByTime(60_000);
    expect(comments()).toHaveLength(3);
  });

  test('come with each change, not before they have begun, and five seconds after the last', () => {
    const { comments, news, stop } = held({ loading: fetching });
    news({ ...fetching, percent: 6 });
    vi.advanceTimersByTime(1_000);
    news({ ...fetching, percent: 6 });
    vi.advanceTimersByTime(3_000);
    news(loading);
    vi.advanceTimersByTime(4_999);
    expect(comments()).toEqual([': loading phase=Fetching percent=6\n\n', ': loading phase=LoadingWeights percent=42 eta=12\n\n']);
    vi.advanceTimersByTime(1);
    expect(comments()).toHaveLength(3);
    stop();
    news(fetching);
    expect(comments()).toHaveLength(3);
  });

  test('are over with the wait, also when a change of the deployment ends it', () => {
    const { comments, news, place, stop } = held();
    vi.advanceTimersByTime(1_000);
    place.leave('deleted');
    news(loading);
    expect(comments()).toEqual([': loading phase=Pending\n\n']);
    stop();
  });

  test('do not pile up in front of a caller who does not read', () => {
    const { comments, exchange, stop } = held();
    vi.spyOn(exchange.response, 'writableNeedDrain', 'get').mockReturnValue(true);
    vi.advanceTimersByTime(60_000);
    expect(comments()).toEqual([]);
    stop();
  });

  test('say that a replica is ready and a slot is waited for', () => {
    const { comments, exchange, stop } = held();
    vi.spyOn(exchange.model?.line ?? new ModelLine(limits, () => 0, Date.now), 'readyReplicas', 'get').mockReturnValue(1);
    vi.advanceTimersByTime(1_000);
    expect(comments()).toEqual([': queued\n\n']);
    stop();
  });
});
