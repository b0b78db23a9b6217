import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ModelLine } from '../../src/gateway/line.ts';
import type { Model } from '../../src/gateway/models.ts';
import type { Place } from '../../src/gateway/place.ts';
import { StatsStream } from '../../src/gateway/stats-stream.ts';
import { patient } from '../../src/gateway/testing/terms.fake.ts';
import type { Handler, Pod } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { DemandWatch } from './demand-watch.ts';

const limits = {
  maxConcurrencyPerReplica: 1,
  maxQueue: 1_000,
  queueTimeoutMs: 1_000,
  holdTimeoutMs: 1_000,
  firstTokenTimeoutMs: 1_000,
  idleStreamTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
};

/** A gateway without a data plane: its real stream over lines that the test fills. */
class Gateway {
  readonly port: number;
  private readonly lines = new Map<string, Model>();
  private readonly places: Place[] = [];
  private readonly stream: StatsStream;
  private readonly server: Server;

  private constructor(server: Server, stream: StatsStream, lines: Map<string, Model>) {
    this.server = server;
    this.stream = stream;
    this.lines = lines;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(port = 0): Promise<Gateway> {
    const lines = new Map<string, Model>();
    const tokens = { accepts: async (given: string) => accepted.includes(given) };
    const models = { all: () => lines.values() };
    const stream = new StatsStream({ models, tokens, gateway: 'g', clock: systemClock, logger: silentLogger });
    const server = createServer((request, response) => stream.answer(request, response));
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return new Gateway(server, stream, lines);
  }

  hold(key: string, count: number): void {
    const spec = { key, names: [], createdAt: 0, limits, availability: 'serving' } as const;
    const model = this.lines.get(key) ?? { spec, line: new ModelLine(limits, () => 0, Date.now) };
    this.lines.set(key, model);
    for (let index = 0; index < count; index += 1) this.places.push(model.line.join(patient(60_000)));
  }

  release(): void {
    for (const place of this.places) place.leave('unavailable');
  }

  async stop(): Promise<void> {
    this.release();
    this.stream.close();
    this.server.closeAllConnections();
    if (this.server.listening) await once(this.server.close(), 'close');
  }
}

let accepted: string[];
let sent: string[];
let handlers: Handler<Pod>[];
let gateways: Gateway[];
let news: string[];
let stop: AbortController;
let running: Promise<void>;
let watch: DemandWatch;

beforeEach(() => {
  accepted = ['token'];
  sent = ['token'];
  handlers = [];
  gateways = [];
  news = [];
  stop = new AbortController();
  const informer = {
    addHandler: (handler: Handler<Pod>) => {
      handlers.push(handler);
      return () => handlers.splice(handlers.indexOf(handler), 1);
    },
  };
  watch = new DemandWatch({ gateways: informer, tokens: { read: async () => sent }, random: () => 0, logger: silentLogger });
  watch.subscribe((model) => news.push(model));
  running = watch.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await running;
  await Promise.all(gateways.map((gateway) => gateway.stop()));
});

async function gateway(port?: number): Promise<Gateway> {
  const started = await Gateway.start(port);
  gateways.push(started);
  return started;
}

function pod(name: string, port: number, fields: { ready?: boolean; host?: string | undefined; ending?: true } = {}): Pod {
  const { ready = true, host = '127.0.0.1', ending } = fields;
  const ports = [
    { name: 'http', containerPort: 1 },
    { name: 'metrics', containerPort: port },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'system', uid: name, ...(ending && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
    spec: { containers: [{ name: 'gateway', ports }] },
    status: { ...(host !== '' && { podIP: host }), conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as Pod;
}

const add = (object: Pod) => handlers[0]?.add?.(object);
const update = (object: Pod, old: Pod) => handlers[0]?.update?.(object, old);
const remove = (object: Pod) => handlers[0]?.delete?.(object);

test('knows what is held at all gateways, and tells what changed', async () => {
  const [one, two] = [await gateway(), await gateway()];
  one.hold('a/b', 2);
  two.hold('a/b', 1);
  two.hold('a/c', 1);
  add(pod('one', one.port));
  add(pod('two', two.port));
  expect(watch.of('a/b')).toMatchObject({ gateways: 0, stale: true });
  await eventually(() => expect(watch.of('a/b')).toMatchObject({ held: 3, gateways: 2, stale: false }));
  expect([...watch.all().keys()].sort()).toEqual(['a/b', 'a/c']);

  news.length = 0;
  one.hold('a/b', 1);
  await eventually(() => expect(watch.of('a/b').held).toBe(4));
  expect(news).toEqual(['a/b']);
  one.release();
  two.release();
  await eventually(() => expect([...watch.all().values()].map(({ inSystem }) => inSystem)).toEqual([0, 0]));
  expect(watch.of('a/b')).toMatchObject({ inSystem: 0, gateways: 2, stale: false });
  const { askedAt } = watch.of('a/b');
  expect(Date.now() - (askedAt ?? 0)).toBeLessThan(5_000);
  one.hold('a/b', 1);
  one.release(); // within one tick of the gateway
  await eventually(() => expect(watch.of('a/b').askedAt).toBeGreaterThan(askedAt ?? 0));
  expect(watch.of('a/b').inSystem).toBe(0);
});

test('a gateway whose pod is gone stops counting at once, one that ends in peace only then', async () => {
  const one = await gateway();
  one.hold('a/b', 2);
  add(pod('one', one.port));
  await eventually(() => expect(watch.of('a/b').held).toBe(2));
  update(pod('one', one.port, { ready: false, ending: true }), pod('one', one.port));
  expect(watch.of('a/b').held).toBe(2);
  news.length = 0;
  remove(pod('one', one.port));
  expect(watch.of('a/b')).toMatchObject({ inSystem: 0, gateways: 0 });
  expect(news).toEqual(['a/b']);
});

test('one that breaks off is missing at once, and counts again when it is back', async () => {
  const one = await gateway();
  one.hold('a/b', 2);
  add(pod('one', one.port));
  await eventually(() => expect(watch.of('a/b').held).toBe(2));
  news.length = 0;
  await one.stop();
  await eventually(() => expect(watch.of('a/b')).toMatchObject({ inSystem: 0, gateways: 0, stale: true }));
  expect(watch.of('a/b').oldestMs).toBeLessThan(3_000); // long before silence would say so
  expect(news).toEqual(['a/b']);
  await eventually(() => expect(watch.ages()[0]?.ageMs).toBeGreaterThan(0));

  const again = await gateway(one.port);
  again.hold('a/b', 1);
  await eventually(() => expect(watch.of('a/b')).toMatchObject({ held: 1, stale: false }));
  expect(news).toEqual(['a/b', 'a/b']);
});

test('a token that the gateway does not know yet is tried again, and so are the others of the file', async () => {
  const one = await gateway();
  one.hold('a/b', 1);
  sent = ['new', 'token'];
  add(pod('one', one.port));
  await eventually(() => expect(watch.of('a/b').held).toBe(1));

  const two = await gateway();
  accepted = ['newest'];
  add(pod('two', two.port));
  await eventually(() => expect(watch.of('a/b').stale).toBe(true));
  sent = ['newest'];
  await eventually(() => expect(watch.of('a/b')).toMatchObject({ gateways: 2, stale: false }));
});

test('one that is not ready and not heard has no age: it starts, or is gone', async () => {
  const one = await gateway();
  await one.stop();
  add(pod('one', one.port, { ready: false }));
  expect(watch.ages()).toEqual([]);
  update(pod('one', one.port), pod('one', one.port, { ready: false }));
  expect(watch.ages()).toMatchObject([{ gateway: 'system/one' }]);
});

test('follows a pod once it has an address, and to the next one', async () => {
  const [one, two] = [await gateway(), await gateway()];
  one.hold('a/b', 1);
  two.hold('a/b', 5);
  const without = pod('one', one.port, { host: '', ready: false });
  add(without);
  expect(watch.of('a/b')).toMatchObject({ gateways: 0, stale: false });
  update(pod('one', one.port), without);
  await eventually(() => expect(watch.of('a/b').held).toBe(1));
  update(pod('one', two.port), pod('one', one.port));
  await eventually(() => expect(watch.of('a/b')).toMatchObject({ held: 5, gateways: 1 }));
});

test('ends its streams with its run', async () => {
  const one = await gateway();
  one.hold('a/b', 1);
  add(pod('one', one.port));
  await eventually(() => expect(watch.of('a/b').held).toBe(1));
  stop.abort();
  await running;
  expect([handlers.length, watch.of('a/b').gateways]).toEqual([0, 0]);
});
