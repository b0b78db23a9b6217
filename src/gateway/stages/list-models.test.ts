import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';

async function stateOf(gateway: TestGateway): Promise<unknown> {
  const ask = async (path: string) => (await fetch(gateway.url + path, { headers: { authorization: `Bearer ${gateway.key}` } })).json();
  const { data } = (await ask('/v1/models')) as { data: object[] };
  expect(data).toEqual([await ask('/v1/models/m')]);
  expect(data).toMatchObject([{ id: 'm', object: 'model', owned_by: 'modelfleet' }]);
  return data[0] && 'modelfleet' in data[0] ? data[0].modelfleet : undefined;
}

test('models tell whether they are ready, load, sleep or cannot be called', async () => {
  await using gateway = await startTestGateway();
  expect(await stateOf(gateway)).toEqual({ state: 'ready', ready_replicas: 1 });

  gateway.setReady(0, false);
  expect(await stateOf(gateway)).toEqual({ state: 'asleep', ready_replicas: 0 });
  gateway.setModel({ loading: { phase: 'LoadingWeights', percent: 40, etaSeconds: 12 } });
  expect(await stateOf(gateway)).toEqual({ state: 'loading', ready_replicas: 0, phase: 'LoadingWeights', percent: 40, eta_seconds: 12 });
  gateway.setModel({ availability: 'failed' });
  expect(await stateOf(gateway)).toEqual({ state: 'unavailable', ready_replicas: 0 });
});
