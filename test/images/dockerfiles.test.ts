import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defaultBases, imageNames } from '../../images/host/plan.ts';

const root = join(import.meta.dirname, '../..');

test('builds the stages before the bundle alike in all images, so that their layers are shared', async () => {
  const shared = await Promise.all(imageNames.map(async (name) => sharedStages(await dockerfile(name))));

  expect(shared[0]).toContain('RUN npm ci');
  expect(new Set(shared).size).toBe(1);
});

test('takes the Node that the project is developed with', async () => {
  const lock: { packages: Record<string, { version: string }> } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));

  for (const name of imageNames) {
    expect(defaultBases(await dockerfile(name)).builder).toBe(`node:${lock.packages['node_modules/node']?.version}-bookworm-slim`);
  }
});

test.each(['cuda-12.txt', 'cuda-13.txt'])('pins every wheel of %s by version and hash', async (file) => {
  const lines = (await readFile(join(root, 'images/worker', file), 'utf8')).trim().split('\n');

  expect(lines.length).toBe(2);
  for (const line of lines) expect(line).toMatch(/^[\w-]+==[\w.]+ --hash=sha256:[0-9a-f]{64}$/);
});

function dockerfile(name: string): Promise<string> {
  return readFile(join(root, 'images', name, 'Dockerfile'), 'utf8');
}

/** The stages up to `sources`, without comments. */
function sharedStages(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !/^ARG (VARIANT|CUDA)/.test(line));
  const first = lines.findIndex((line) => line.endsWith('AS builder'));
  const end = lines.findIndex((line, index) => index > first && line.startsWith('COPY . '));
  return lines.slice(first, end + 1).join('\n');
}
