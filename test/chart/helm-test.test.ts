import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { helmRuns } from '../fakes/helm.ts';
import { programResult } from '../fakes/run-program.ts';
import { podsOf, render, type VariantName } from './chart.ts';

const servers: Server[] = [];
const prove = test.skipIf(!helmRuns);

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Runs what `helm test` runs in its pod, against one server that stands for gateway and controller. */
async function runHelmTest(answers: Readonly<Record<string, number>>, variant: VariantName = 'defaults') {
  const server = createServer(({ url = '' }, response) => void response.writeHead(answers[url] ?? 404).end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pod = (await render(variant)).find(({ kind }) => kind === 'Pod');
  const [container] = pod ? podsOf(pod).flatMap(({ containers }) => containers) : [];
  if (!container) throw new Error('the chart has no test');
  const addresses = (container.env ?? []).map(({ name }) => [name, url] as const);
  const env = { ...Object.fromEntries(addresses), PATIENCE_MS: '300' };
  return await programResult(spawn(process.execPath, container.args, { env, stdio: ['pipe', 'pipe', 'pipe'] }));
}

prove('helm test passes when both are ready and the gateway asks for a key', async () => {
  const { stdout, stderr, code } = await runHelmTest({ '/healthz': 200, '/readyz': 200, '/v1/models': 401 });
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  expect(stdout.match(/^ok: /gm)).toHaveLength(5);
});

prove('helm test leaves a gateway that only load balancers reach to its probes', async () => {
  const { stdout, code } = await runHelmTest({ '/healthz': 200, '/readyz': 200 }, 'everything');
  expect(code).toBe(0);
  expect(stdout.match(/^ok: /gm)).toHaveLength(4);
});

prove.for([
  ['one of them is not ready', { '/healthz': 200, '/readyz': 503, '/v1/models': 401 }, /failed: \S+\/readyz answers 503, not 200/],
  [
    'the gateway lets in whoever comes',
    { '/healthz': 200, '/readyz': 200, '/v1/models': 200 },
    /failed: \S+\/v1\/models answers 200, not 401/,
  ],
] as const)('helm test fails, and says why, when %s', async ([, answers, words]) => {
  const { stdout, code } = await runHelmTest(answers);
  expect(stdout).toMatch(words);
  expect(code).toBe(1);
});
