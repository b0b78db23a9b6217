import { expect, test } from 'vitest';
import type { RawRequest } from '../../kube/index.ts';
import { externalMetrics } from './external-metrics.ts';

/** An API server that answers this to every request, and what it was asked. */
function serverThatSays(answer: unknown) {
  const asked: { path: string; query: RawRequest['query'] }[] = [];
  const request = async (_method: unknown, path: string, options: RawRequest = {}) => {
    asked.push({ path, query: options.query });
    return answer;
  };
  return { asked, read: externalMetrics({ request }) };
}

const { signal } = new AbortController();

test('asks for the metric of a namespace by its labels, and takes the values of all series', async () => {
  const items = [{ metricName: 'requests', value: '12' }, { value: '1500m' }, { value: '2k' }];
  const { asked, read } = serverThatSays({ kind: 'ExternalMetricValueList', items });

  expect(await read('models', 'requests', 'model=qwen', signal)).toEqual([12, 1.5, 2_000]);
  expect(asked).toEqual([
    { path: '/apis/external.metrics.k8s.io/v1beta1/namespaces/models/requests', query: { labelSelector: 'model=qwen' } },
  ]);
});

test('rejects what is no list of quantities', async () => {
  await expect(serverThatSays({ items: [{ value: 'many' }] }).read('models', 'requests', '', signal)).rejects.toThrow('not a quantity');
  await expect(serverThatSays({ message: 'no' }).read('models', 'requests', '', signal)).rejects.toThrow('items');
});
