import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalMode } from '../fakes/local-mode.ts';

// What goes wrong at the start ends with one clear sentence and a non-zero exit.

let local: LocalMode;
beforeEach(async () => {
  local = await LocalMode.create();
});
afterEach(() => local[Symbol.asyncDispose]());

const manifest = (source: string) => `apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: { name: mine }
spec: { model: { source: "${source}" }, engine: { device: CPU } }
`;

function occupy(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1', () => resolve(server));
  });
}

test('a taken port is named, with the way out', async () => {
  const squatter = await occupy(local.port);
  const { code, output } = await local.fails();
  squatter.close();
  expect(code).toBe(1);
  expect(output).toContain(`modelfleet: Port ${local.port} on 127.0.0.1 is taken. Stop what uses it, or give another with --port.`);
});

test('a model file that is nowhere is named, with its source', async () => {
  const { code, output } = await local.fails('--apply', await local.write('mine.yaml', manifest('file:///nowhere/model.gguf')));
  expect(code).toBe(1);
  expect(output).toContain('modelfleet: mine: there is no /nowhere/model.gguf (spec.model.source file:///nowhere/model.gguf).');
});

test('a file that is no model fails the deployment with the reason', { timeout: 60_000 }, async () => {
  const path = await local.write('garbage.gguf', 'this is not a model');
  const { code, output } = await local.fails('--apply', await local.write('mine.yaml', manifest(`file://${path}`)));
  expect(code).toBe(1);
  expect(output).toMatch(/modelfleet: mine cannot be served: UnsupportedModel: .*garbage\.gguf/);
});

test('an object that the API refuses is told with field and rule', async () => {
  const { code, output } = await local.fails('--apply', await local.write('mine.yaml', manifest('ftp://host/model.gguf')));
  expect(code).toBe(1);
  expect(output).toMatch(/modelfleet: .*spec\.model\.source.*hf:\/\//s);
});

test('a manifest that is no YAML is told with file and line', async () => {
  const { code, output } = await local.fails('--apply', await local.write('bad.yaml', 'kind: [\n'));
  expect(code).toBe(1);
  expect(output).toMatch(/modelfleet: .*bad\.yaml, document 1: .* at line \d/s);
});

test('a state folder that another one uses is refused', { timeout: 60_000 }, async () => {
  await local.start();
  const second = await LocalMode.create();
  const { code, output } = await second.fails('--state', `${local.folder}/state`);
  expect(code).toBe(1);
  expect(output).toMatch(/modelfleet: Another Modelfleet \(process \d+\) uses .*\. Stop it first, or give another folder with --state\./);
  await second[Symbol.asyncDispose]();
});
