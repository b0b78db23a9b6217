import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pythonPackages } from './python-packages.ts';
import { ClientWorld } from './world.ts';

// What docs/clients.md shows is run as it stands there.

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/clients.md'), 'utf8');
const programs = [...page.matchAll(/^## ([^\n]+)\n\n```(js|python|sh)\n(.*?)^```$/gms)].map(([, title = '', language = '', code = '']) => ({
  title,
  language,
  code,
}));
const packages = { openai: await pythonPackages('openai'), litellm: await pythonPackages('litellm') };

let world: ClientWorld;
beforeAll(async () => {
  world = await ClientWorld.start();
  await world.addReplica('smollm2', world.engine.port);
});
afterAll(() => world[Symbol.asyncDispose]());

test('the page shows five clients', () => {
  expect(programs.map(({ title }) => title)).toEqual(['JavaScript', 'Python', 'LangChain', 'LiteLLM', 'curl']);
});

for (const { title, language, code } of programs) {
  const { folder = '', missing } = packages[title === 'LiteLLM' ? 'litellm' : 'openai'];
  const skips = language === 'python' && missing !== undefined;

  test.skipIf(skips)(`${title} gets an answer${skips ? ` (skipped: ${missing})` : ''}`, { timeout: 180_000 }, async () => {
    const own = { OPENAI_BASE_URL: world.url, OPENAI_API_KEY: world.key };
    const env = { ...process.env, ...own, PYTHONPATH: folder, LITELLM_LOCAL_MODEL_COST_MAP: 'True' };
    const [command, ...flags] = commandFor(language);
    const { stdout } = await promisify(execFile)(command, [...flags, code], { env, cwd: root });
    expect(stdout).toContain('Hello from the engine.');
  });
}

function commandFor(language: string): readonly [string, ...string[]] {
  if (language === 'python') return ['python3', '-c'];
  return language === 'js' ? [process.execPath, '--input-type=module', '-e'] : ['sh', '-c'];
}
