import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../fakes/free-port.ts';
import { answersOk, startExecutable } from '../processes.ts';
import { say } from '../report.ts';
import type { Subject } from './subject.ts';

const run = promisify(execFile);

const version = '1.15.2';
/** With newer ones every stream is answered 500 (Portkey-AI/gateway#1389). */
const overrides = { '@hono/node-server': '1.13.5', hono: '4.9.7' };
const installWithinMs = 180_000;
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelfleet', 'bench', `portkey-${version}`);
const program = 'node_modules/@portkey-ai/gateway/build/start-server.js';

/** Starts Portkey's gateway, the full peer in Node, in front of the worker. It is installed once, into a folder of the benchmark's own. */
export async function startPortkey(worker: string, core: number | undefined): Promise<Subject> {
  await install();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const env = { NODE_ENV: 'production' };
  const argv = [process.execPath, join(cache, program), `--port=${port}`, '--headless'];
  const started = await startExecutable(argv, { ready: () => answersOk(`${origin}/`), env, core });
  const headers = { authorization: 'Bearer none', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${worker}/v1` };
  return { name: `Portkey ${version}`, process: started, origin, headers };
}

async function install(): Promise<void> {
  if (existsSync(join(cache, program))) return;
  say(`installing Portkey ${version} into ${cache}`);
  await mkdir(dirname(cache), { recursive: true });
  const fresh = await mkdtemp(`${cache}-`);
  try {
    const manifest = { private: true, dependencies: { '@portkey-ai/gateway': version }, overrides };
    await writeFile(join(fresh, 'package.json'), JSON.stringify(manifest));
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', ...flags], { cwd: fresh, timeout: installWithinMs });
    await rename(fresh, cache);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
