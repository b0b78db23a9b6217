import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../test/fakes/free-port.ts';
import { describeError } from '../core/failure.ts';
import { type PulledModel, pullModel } from './artifacts/pull/pull.ts';

/** The real worker with the real model, as `modelfleet worker` runs it. */
const main = path.resolve(import.meta.dirname, '../cli/main.ts');

let unavailable: string | undefined;
const model: PulledModel | undefined = await pullModel('smollm2').catch((error: unknown) => {
  unavailable = describeError(error);
  return undefined;
});
if (!model && process.env.CI) throw new Error(`SmolLM2 cannot be pulled: ${unavailable}`);

type Running = { readonly child: ChildProcess; readonly url: string; readonly management: string; readonly openai: OpenAI };

async function start(flags: readonly string[] = []): Promise<Running> {
  const [port, management] = [await freePort(), await freePort()];
  const env = {
    ...process.env,
    MODELFLEET_HOST: '127.0.0.1',
    MODELFLEET_PORT_HTTP: String(port),
    MODELFLEET_PORT_MANAGEMENT: String(management),
    MODELFLEET_PARENT_FD: '3',
    MODELFLEET_PATH_MAP: JSON.stringify({ '/models': path.dirname(model?.path ?? '') }),
    MODELFLEET_LOG_LEVEL: 'error',
  };
  const args = [main, 'worker', '--name', 'smollm2', '--source', `file:///models/${model?.file}`, '--context-length', '1024', ...flags];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const url = `http://127.0.0.1:${port}`;
  return {
    child,
    url,
    management: `http://127.0.0.1:${management}`,
    openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }),
  };
}

async function status({ management }: Running): Promise<{ phase?: string; inFlight?: number; reason?: string | null; percent?: number }> {
  const response = await fetch(`${management}/status`).catch(() => undefined);
  return response ? ((await response.json()) as object) : {};
}

const ready = (worker: Running) =>
  vi.waitFor(async () => expect(await status(worker)).toMatchObject({ phase: 'Ready' }), { timeout: 30_000 });

/** Processes whose parent is `pid`. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(
    pids.map(async (name) => [Number(name), await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')] as const),
  );
  return parents.filter(([, text]) => Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === pid).map(([child]) => child);
}

/** CPU time that a process has used. */
async function cpuMs(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10; // user and system time in ticks of 1/100 s
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const chat = (content: string, more: object = {}) => ({ model: 'smollm2', messages: [{ role: 'user' as const, content }], ...more });

async function textOf(worker: Running, content: string, more: object = {}): Promise<string> {
  const answer = await worker.openai.chat.completions.create({ ...chat(content, more), stream: false });
  return answer.choices[0]?.message.content ?? '';
}

describe.skipIf(!model)(`SmolLM2 in the real worker${unavailable ? ` (not here: ${unavailable})` : ''}`, () => {
  let worker: Running;
  beforeAll(async () => {
    worker = await start();
    await ready(worker);
  });
  afterAll(() => worker.child.kill('SIGKILL'));

  test('streams a sensible answer to the stock client, with exact usage', async () => {
    const stream = await worker.openai.chat.completions.create({
      ...chat('What is the capital of France? Answer in one sentence.', { temperature: 0, max_tokens: 30 }),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let completionTokens = 0;
    let reason: string | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      reason = chunk.choices[0]?.finish_reason ?? reason;
      completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
    }
    expect(text).toContain('Paris');
    expect(reason).toBe('stop');
    expect(completionTokens).toBeGreaterThan(3);
  });

  test('the same seed gives the same text, alone and beside others; another seed another', async () => {
    const ask = (seed: number) => textOf(worker, 'Tell me about the sea.', { seed, temperature: 0.9, max_tokens: 24 });
    const alone = await ask(7);
    const [again, other, ...beside] = await Promise.all([ask(7), ask(8), ask(7), ask(7)]);
    expect([again, ...beside]).toEqual([alone, alone, alone]);
    expect(other).not.toBe(alone);
  });

  test('a stop text ends the answer and is not part of it', async () => {
    const whole = await textOf(worker, 'Count: one, two, three', { temperature: 0, max_tokens: 30 });
    const stop = whole.slice(6, 9);
    expect(await textOf(worker, 'Count: one, two, three', { temperature: 0, max_tokens: 30, stop })).toBe(
      whole.slice(0, whole.indexOf(stop)),
    );
  });

  test('eight chats stream at once, none disturbs another', async () => {
    const lengths = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const stream = await worker.openai.chat.completions.create({
          ...chat(`Say something about the number ${index}.`, { max_tokens: 16, ignore_eos: true }),
          stream: true,
        });
        let reason: string | null | undefined;
        for await (const chunk of stream) reason = chunk.choices[0]?.finish_reason ?? reason;
        return reason;
      }),
    );
    expect(lengths).toEqual(Array(8).fill('length'));
  });

  test('a conversation that goes on reuses what was computed', async () => {
    const first = await worker.openai.chat.completions.create({ ...chat('Name a colour.', { max_tokens: 8 }), stream: false });
    const answer = first.choices[0]?.message.content ?? '';
    const messages = [
      { role: 'user', content: 'Name a colour.' },
      { role: 'assistant', content: answer },
      { role: 'user', content: 'Another one.' },
    ] as const;
    const second = await worker.openai.chat.completions.create({ model: 'smollm2', messages: [...messages], max_tokens: 2, stream: false });
    expect(second.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(20);
  });

  test('a prompt that is longer than the context is a 400 that says so', async () => {
    await expect(textOf(worker, 'word '.repeat(1200))).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
  });

  test('markup in a message stays text: a caller cannot forge a turn', async () => {
    const usage = async (content: string) =>
      (await worker.openai.chat.completions.create({ ...chat(content, { max_tokens: 1 }), stream: false })).usage?.prompt_tokens ?? 0;
    expect(await usage('<|im_end|>')).toBeGreaterThan((await usage('a')) + 2);
  });

  test('a caller that leaves frees its sequence at once', async () => {
    const caller = new AbortController();
    const stream = await worker.openai.chat.completions.create(
      { ...chat('Count to a thousand.', { ignore_eos: true }), stream: true },
      { signal: caller.signal },
    );
    for await (const _ of stream) break;
    caller.abort();
    await expect.poll(() => status(worker), { timeout: 5_000 }).toMatchObject({ inFlight: 0 });
  });

  test('kill -9 of the engine: the stream ends with an error, the port stays, the model comes back', async () => {
    const stream = await worker.openai.chat.completions.create({ ...chat('Count to a thousand.', { ignore_eos: true }), stream: true });
    const [engine] = await childrenOf(worker.child.pid);
    const read = async () => {
      for await (const chunk of stream) if (engine && chunk.choices[0]?.delta.content) process.kill(engine, 'SIGKILL');
    };
    await expect(read()).rejects.toThrow(/failed in the middle of the answer/);
    await expect.poll(() => status(worker), { timeout: 5_000 }).toMatchObject({ phase: 'Failed', reason: 'EngineCrashed' });
    await ready(worker);
    expect(await textOf(worker, 'Hi', { max_tokens: 2 })).not.toBe('');
  });

  test('SIGTERM: the running stream finishes, new requests are refused, exit code 0, no process is left', async () => {
    const [engine = 0] = await childrenOf(worker.child.pid);
    const exited = once(worker.child, 'exit');
    const stream = await worker.openai.chat.completions.create({
      ...chat('Tell a story.', { max_tokens: 100, ignore_eos: true }),
      stream: true,
    });
    let reason: string | null | undefined;
    let refused: Promise<Response> | undefined;
    for await (const chunk of stream) {
      if (!refused) {
        worker.child.kill('SIGTERM');
        refused = expect
          .poll(() => status(worker))
          .toMatchObject({ phase: 'Draining' })
          .then(() => fetch(`${worker.management}/readyz`));
      }
      reason = chunk.choices[0]?.finish_reason ?? reason;
    }
    expect((await refused)?.status).toBe(503);
    expect(reason).toBe('length');
    expect((await exited)[0]).toBe(0);
    expect(isAlive(engine)).toBe(false);
  });

  test('the port answers after less than a second of work, long before the model; the end of the parent ends it', async () => {
    const fresh = await start();
    const answers = await vi.waitFor(
      async () => {
        const seen = await status(fresh);
        expect(seen).toHaveProperty('percent');
        return seen;
      },
      { timeout: 10_000, interval: 10 },
    );
    // CPU time, not wall time: other tests run beside this one.
    expect(await cpuMs(fresh.child.pid)).toBeLessThan(1000);
    expect(answers.phase).not.toBe('Ready');
    await expect.poll(() => childrenOf(fresh.child.pid), { timeout: 10_000 }).toHaveLength(1);
    const [engine = 0] = await childrenOf(fresh.child.pid);
    const exited = once(fresh.child, 'exit');
    // The parent is gone, by whatever means: its end of the pipe closes.
    fresh.child.stdio[3]?.destroy();
    await exited;
    await expect.poll(() => isAlive(engine), { timeout: 10_000 }).toBe(false);
  });

  test('kill -9 of the agent takes the engine with it', async () => {
    const fresh = await start();
    await expect.poll(() => childrenOf(fresh.child.pid).then((all) => all.length), { timeout: 10_000 }).toBe(1);
    const [engine = 0] = await childrenOf(fresh.child.pid);
    fresh.child.kill('SIGKILL');
    await expect.poll(() => isAlive(engine), { timeout: 10_000 }).toBe(false);
  });
});
