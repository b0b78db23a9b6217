import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answersIn, RawCaller } from './raw-caller.ts';
import { startWorld } from './world.ts';

// Requests as chance makes them, on connections of their own.

const key = 'KEY';

/** What the gateway may say to a caller who writes what he likes: never that it failed itself. */
const expected = new Set([200, 400, 401, 404, 405, 408, 413, 431]);

const body = fc.oneof(
  fc.constantFrom(
    '{"model":"m"}',
    '{"model":"m","stream":true}',
    '{"model":"m","stream":true,"stream_options":{"include_usage":1}}',
    '{"model":"none"}',
  ),
  fc.constantFrom(
    '{"model":"m","model":"m"}',
    '{"model":"m","max_tokens":-1}',
    '{"__proto__":{"model":"m"}}',
    '[]',
    '{',
    '\ufeff{"model":"m"}',
  ),
  fc
    .record({
      model: fc.constantFrom<unknown>('m', 'ns/m', '', 1, null),
      stream: fc.jsonValue(),
      messages: fc.jsonValue(),
      input: fc.jsonValue(),
    })
    .map((value) => JSON.stringify(value)),
);

// Not HEAD: its answers tell the length of a body that does not come.
const method = fc.constantFrom('POST', 'POST', 'POST', 'GET', 'OPTIONS', 'PUT', 'DELETE', 'post', 'M-SEARCH', 'CONNECT');
const target = fc.oneof(
  fc.constantFrom(
    '/v1/chat/completions',
    '/v1/chat/completions',
    '/v1/responses',
    '/generate',
    '/v1/embeddings',
    '/v1/models',
    '/v1/models/m',
    '/healthz',
  ),
  fc.constantFrom(
    '*',
    '//',
    '/v1/../v1/models',
    '/v1/chat/completions?a=%zz',
    'http://x/v1/models',
    '/v1/models/%00',
    '/V1/MODELS',
    'example.org:443',
  ),
  fc.webPath(),
);
const header = fc.oneof(
  fc.constantFrom(
    `Authorization: Bearer ${key}`,
    'Authorization: Basic x',
    'Connection: close',
    'Connection: keep-alive, upgrade',
    'Upgrade: websocket',
  ),
  fc.constantFrom(
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip',
    'Content-Length: 0',
    'Content-Length: 5',
    'Expect: 100-continue',
    'TE: trailers',
  ),
  fc.constantFrom(
    'X-Modelfleet-Hold: heartbeat',
    'X-Modelfleet-Cache: on',
    'X-Request-Id: a b',
    'Traceparent: 00-0-0-00',
    'Content-Type: text/plain',
    'Host: h',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc
    .tuple(fc.stringMatching(/^[A-Za-z-]{1,12}$/), fc.string({ unit: 'binary', maxLength: 40 }))
    .map(([name, value]) => `${name}: ${value}`),
);

/** A request that is nearly right: with the length of its body, or in chunks, or with neither. */
const request = fc
  .tuple(
    method,
    target,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', ''),
    fc.array(header, { maxLength: 6 }),
    body,
    fc.nat(3),
  )
  .map(([verb, path, version, headers, text, framing]) => {
    const size = Buffer.byteLength(text);
    const frame = framing < 2 ? [`Content-Length: ${size}`] : framing === 2 ? ['Transfer-Encoding: chunked'] : [];
    const sent = framing === 2 ? `${size.toString(16)}\r\n${text}\r\n0\r\n\r\n` : text;
    return [`${verb} ${path} ${version}`, 'Host: g', `Authorization: Bearer ${key}`, ...frame, ...headers, '', sent].join('\r\n');
  });

/** What happens to its bytes on the way. */
const damage = fc.record({
  at: fc.nat(400),
  cut: fc.constantFrom(0, 0, 0, 1, 20),
  insert: fc.oneof(fc.constant(new Uint8Array()), fc.uint8Array({ maxLength: 8 })),
});

const bytes = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.array(request, { minLength: 1, maxLength: 3 }), fc.array(damage, { maxLength: 2 }))
      .map(([requests, damages]) => damages.reduce(harm, Buffer.from(requests.join('')))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((random) => Buffer.from(random)) },
);

function harm(sent: Buffer, { at, cut, insert }: { readonly at: number; readonly cut: number; readonly insert: Uint8Array }): Buffer {
  const from = Math.min(at, sent.length);
  return Buffer.concat([sent.subarray(0, from), insert, sent.subarray(from + cut)]);
}

/** Failures that were found, so that they are tried in each run. */
const found: readonly [Buffer][] = [];

test('whatever a caller sends, he gets HTTP answers that are no failure of ours, or none', { timeout: 60_000 }, async () => {
  await using world = await startWorld();
  const secret = world.gateway.key;
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const caller = new RawCaller(world.gateway.url).say(Buffer.from(sent.toString('latin1').replaceAll(key, secret), 'latin1'));
      const answered = new Promise((resolve) => caller.socket.once('data', resolve));
      await Promise.race([caller.closed, answered, sleep(20)]);
      caller.socket.end();
      for (const { status } of answersIn(await caller.untilClosed())) expect(expected).toContain(status);
    }),
    { numRuns: 400, interruptAfterTimeLimit: 20_000, examples: [...found] },
  );
  for (const { path, headers } of world.gateway.workers[0]?.seen ?? []) {
    expect(['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/generate']).toContain(path);
    expect(JSON.stringify(headers)).not.toContain(secret);
  }
  await world.calm();
});

test('bodies that are nearly right are answered or refused, on all paths', { timeout: 60_000 }, async () => {
  await using world = await startWorld();
  const json = fc.record(
    {
      model: fc.constant('m'),
      stream: fc.oneof(fc.boolean(), fc.constant(null)),
      messages: fc.oneof(
        fc.jsonValue(),
        fc.array(fc.record({ role: fc.constantFrom('user', 'system', 'tool'), content: fc.jsonValue() }, { requiredKeys: [] })),
      ),
      input: fc.oneof(
        fc.jsonValue(),
        fc.array(
          fc.record(
            {
              type: fc.constantFrom('message', 'function_call', 'function_call_output', 'reasoning'),
              role: fc.constantFrom('user', 'assistant'),
              content: fc.jsonValue(),
            },
            { requiredKeys: [] },
          ),
        ),
      ),
      tools: fc.jsonValue(),
      tool_choice: fc.jsonValue(),
      text: fc.jsonValue(),
      stream_options: fc.jsonValue(),
      max_tokens: fc.oneof(fc.nat(), fc.jsonValue()),
      temperature: fc.oneof(fc.constant(0), fc.jsonValue()),
      user: fc.jsonValue(),
      prompt: fc.jsonValue(),
      instructions: fc.jsonValue(),
    },
    { requiredKeys: ['model'] },
  );
  world.gateway.setModel({
    serving: { maxOutputTokens: 50, temperature: 0.5, systemPrompt: 'Be kind.', cacheTtlMs: 1_000, balancing: 'PrefixAffinity' },
  });
  const path = fc.constantFrom('/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings', '/generate');
  await fc.assert(
    fc.asyncProperty(path, json, async (asked, value) => {
      const answer = await world.gateway.post(value, { path: asked });
      await answer.text();
      expect([200, 400]).toContain(answer.status);
    }),
    { numRuns: 300, interruptAfterTimeLimit: 20_000 },
  );
  await world.calm();
});
