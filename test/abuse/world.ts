import { expect } from 'vitest';
import { generateApiKey, hashApiKey } from '../../src/core/api-keys.ts';
import { systemClock } from '../../src/core/clock.ts';
import { accountOf } from '../../src/gateway/identity/account.ts';
import { MemoryStore } from '../../src/gateway/limits/memory-store.ts';
import type { ServingLimits } from '../../src/gateway/ports.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { startTestGateway, type TestGateway } from '../fakes/gateway.ts';
import { SteadyCaller } from './steady-caller.ts';

/** A gateway under attack, and beside the attacker a caller of another tenant who must not notice. */
export type World = {
  readonly gateway: TestGateway;
  readonly steady: SteadyCaller;
  /** Serves the model `name` from these addresses too. */
  serveAlso(name: string, origins: readonly string[], serving?: Partial<ServingLimits>): void;
  /**
   * Fails unless everything is as before the attack: the steady caller has got nothing but right answers, and gets them still; and
   * nothing runs, waits or counts as running any more.
   */
  calm(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Starts both. The attacker's key is the gateway's own; its requests are counted, but never too many. */
export async function startWorld(options: Parameters<typeof startTestGateway>[0] = {}): Promise<World> {
  const limits = new MemoryStore(systemClock, () => 1);
  const gateway = await startTestGateway({ limits, ...options });
  const concurrency = 1_000_000;
  gateway.keys.set('acme', [{ name: 'first', hash: hashApiKey(gateway.key) }], accountOf('acme', { limits: { concurrency } }));
  const steadyKey = generateApiKey();
  gateway.keys.set('steady', [{ name: 'first', hash: hashApiKey(steadyKey) }]);
  const steady = new SteadyCaller(gateway.url, steadyKey);

  const lines = () =>
    [...gateway.fleet.all()].map(({ spec, line }) => ({ model: spec.key, waiting: line.length, tokens: line.tokensInFlight }));
  return {
    gateway,
    steady,
    serveAlso(name, origins, serving) {
      const key = `ns/${name}`;
      gateway.setModel({ key, names: [name], ...(serving && { serving }) });
      for (const [index, origin] of origins.entries())
        gateway.fleet.setReplica(key, { id: `${name}-${index}`, name: `${name}-${index}`, origin, ready: true });
    },
    async calm() {
      await steady.twoMore();
      await steady.stop();
      expect(steady.troubles).toEqual([]);
      await eventually(() => {
        for (const { line } of gateway.fleet.all()) expect(line.inFlight).toBe(0);
        expect(lines()).toEqual(lines().map((line) => ({ ...line, waiting: 0, tokens: 0 })));
        for (const { gate, remaining } of limits.standing()) expect([gate.name, remaining]).toEqual(['concurrency', concurrency]);
      });
    },
    async [Symbol.asyncDispose]() {
      await steady.stop();
      await gateway[Symbol.asyncDispose]();
    },
  };
}
