import { afterAll, beforeAll, describe } from 'vitest';
import { PythonClient } from './python-client.ts';
import { pythonPackages } from './python-packages.ts';
import { ClientWorld } from './world.ts';

/** What the tests of one Python client work with, while they run. */
export type PythonSuite = {
  client: PythonClient;
  world: ClientWorld;
  /** Where the gateway is, a key, and the model that answers by a script. */
  own: { url: string; key: string; model: string };
};

type Program = { readonly title: string; readonly packages: Parameters<typeof pythonPackages>[0]; readonly program: string };

/** Describes a Python client against a gateway process; skips, and says why, where its packages cannot be had. */
export async function describePython({ title, packages, program }: Program, tests: (at: PythonSuite) => void): Promise<void> {
  const { folder = '', missing } = await pythonPackages(packages);
  describe.skipIf(missing !== undefined)(`${title}${missing ? ` (skipped: ${missing})` : ''}`, { timeout: 60_000 }, () => {
    const at = {} as PythonSuite; // filled before the first test
    beforeAll(async () => {
      [at.client, at.world] = await Promise.all([PythonClient.start(program, folder), ClientWorld.start()]);
      at.own = { url: at.world.url, key: at.world.key, model: 'scripted' };
    }, 180_000);
    afterAll(async () => {
      await at.client?.[Symbol.asyncDispose]();
      await at.world?.[Symbol.asyncDispose]();
    });
    tests(at);
  });
}
