import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { ClientWorld, loadingSeconds } from './world.ts';

// curl as people paste it, against a gateway process.

const missing = whyNot();

function whyNot(): string | undefined {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'curl is not installed (Debian: apt-get install curl)';
  }
}

describe.skipIf(missing !== undefined)(`curl${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let world: ClientWorld;
  beforeAll(async () => {
    world = await ClientWorld.start();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const argumentsFor = (path: string, body: object | undefined, key: string) => {
    const data = body ? ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)] : [];
    return ['-sS', '-N', `${world.url}/${path}`, '-H', `Authorization: Bearer ${key}`, ...data];
  };
  const chat = (content: string, more: object = {}) => ({ model: 'scripted', messages: [{ role: 'user', content }], ...more });

  /** What it prints with `-i`: status, headers by name, body. Rejects when curl fails. */
  async function curl(path: string, body?: object, { key = world.key, flags = [] as readonly string[] } = {}) {
    const { stdout } = await promisify(execFile)('curl', ['-i', ...flags, ...argumentsFor(path, body, key)]);
    const [head = '', ...rest] = stdout.split('\r\n\r\n');
    const [status = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
    return { status: Number(status.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
  }

  test('chats, embeds and lists models', async () => {
    const { status, headers, body } = await curl('chat/completions', chat('Hello'));
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(body).choices[0].message.content).toBe('Hello from the engine.');
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);

    expect(JSON.parse((await curl('embeddings', { model: 'scripted', input: 'one' })).body).data[0].embedding).toEqual([3, 0.5, -0.25]);
    expect(JSON.parse((await curl('models')).body)).toMatchObject({ object: 'list' });
  });

  test.each([
    ['HTTP/1.0', ['--http1.0']],
    ['an offer of HTTP/2', ['--http2']],
    ['a body in chunks', ['-H', 'Transfer-Encoding: chunked']],
    ['a wait for leave to send', ['-H', 'Expect: 100-continue']],
    ['an offer of compression', ['--compressed']],
  ])('is answered over %s', async (_, flags) => {
    const { stdout } = await promisify(execFile)('curl', [...flags, ...argumentsFor('chat/completions', chat('Hello'), world.key)]);
    expect(JSON.parse(stdout).choices[0].message.content).toBe('Hello from the engine.');
  });

  test('streams events, and ends with [DONE]', async () => {
    const { headers, body } = await curl('chat/completions', chat('Hello', { stream: true }));
    expect(headers['content-type']).toBe('text/event-stream');
    const events = body.trimEnd().split('\n\n');
    expect(events.at(-1)).toBe('data: [DONE]');
    const texts = events.slice(0, -1).map((event) => JSON.parse(event.replace('data: ', '')).choices[0].delta.content ?? '');
    expect(texts.join('')).toBe('Hello from the engine.');
  });

  test('a stream that breaks off has an error for its last event, and no [DONE]', async () => {
    const { body } = await curl('chat/completions', chat('break off', { stream: true }));
    expect(body).not.toContain('[DONE]');
    expect(JSON.parse(body.trimEnd().split('\n\n').at(-1)?.replace('data: ', '') ?? '')).toMatchObject({
      error: { code: 'stream_interrupted' },
    });
  });

  test('sees refusals with their headers', async () => {
    const unknown = await curl('models', undefined, { key: 'mf-wrong' });
    expect([unknown.status, unknown.headers['www-authenticate'], JSON.parse(unknown.body).error.code]).toEqual([
      401,
      'Bearer error="invalid_token"',
      'invalid_api_key',
    ]);

    const loading = await curl('chat/completions', { ...chat('Hello'), model: 'loading' });
    expect([loading.status, loading.headers['retry-after']]).toEqual([503, String(loadingSeconds)]);

    const key = await world.keyWith({ requestsPerMinute: 1 });
    expect((await curl('chat/completions', chat('Hello'), { key })).headers['x-ratelimit-remaining-requests']).toBe('0');
    const limited = await curl('chat/completions', chat('Hello'), { key });
    expect([limited.status, JSON.parse(limited.body).error.code]).toEqual([429, 'rate_limit_exceeded']);
  });

  test('--retry waits as long as a limit tells it', async () => {
    const key = await world.keyWith({ tokensPerMinute: 6_000 });
    await curl('chat/completions', chat('cost 6000 tokens'), { key });
    // By itself curl waits for one second, and a retry after that would be refused.
    const args = ['--fail', '--retry', '1', ...argumentsFor('chat/completions', chat('Hello', { max_tokens: 300 }), key)];
    const { stdout } = await promisify(execFile)('curl', args);
    expect(stdout).toContain('Hello from the engine.');
  });

  test('ends the work of the engine when it is ended', async () => {
    const child = spawn('curl', argumentsFor('chat/completions', chat('go on', { stream: true }), world.key));
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(first.toString()).toContain('data: ');
    child.kill('SIGINT');
    const { last } = world.engine;
    await eventually(() => last.aborted);
  });
});
