import { describe, expect, test } from 'vitest';
import type { HorizontalPodAutoscaler } from '../../../controllers/scaling/autoscaler.ts';
import { currentMetrics, wishOf } from './object.ts';
import { missing, requests } from './testing/makers.fake.ts';

const target = { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen' };
const external = (fields: object = {}) => ({
  type: 'External',
  external: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '8' }, ...fields },
});

function autoscaler(fields: object): HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'qwen', namespace: 'models' },
    spec: { scaleTargetRef: target, maxReplicas: 5, ...fields },
  };
}

describe('reading an autoscaler', () => {
  test('fills in what Kubernetes fills in', () => {
    expect(wishOf(autoscaler({ metrics: [external()] }))).toMatchObject({
      target,
      spec: { minReplicas: 1, maxReplicas: 5, behavior: { scaleDown: { stabilizationWindowSeconds: 300, tolerance: 0.1 } } },
      metrics: [{ kind: 'external', name: 'requests', selector: '', target: { kind: 'AverageValue', value: 8 } }],
    });
  });

  test('takes behaviour, quantities and label selectors', () => {
    const selector = {
      matchLabels: { model: 'qwen' },
      matchExpressions: [
        { key: 'zone', operator: 'In', values: ['a', 'b'] },
        { key: 'tier', operator: 'NotIn', values: ['c'] },
        { key: 'live', operator: 'Exists' },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    };
    const metrics = [external({ metric: { name: 'requests', selector }, target: { type: 'Value', value: '1500m' } })];
    const behavior = { scaleUp: { tolerance: '50m', selectPolicy: 'Min' } };

    expect(wishOf(autoscaler({ metrics, behavior }))).toMatchObject({
      spec: { behavior: { scaleUp: { tolerance: 0.05, selectPolicy: 'Min', stabilizationWindowSeconds: 0 } } },
      metrics: [{ selector: 'model=qwen,zone in (a,b),tier notin (c),live,!old', target: { kind: 'Value', value: 1.5 } }],
    });
  });

  test('names what it cannot follow', () => {
    expect(wishOf(autoscaler({ behavior: { scaleUp: { selectPolicy: 'Most' } } }))).toContain('spec.behavior.scaleUp.selectPolicy');
    expect(wishOf(autoscaler({ metrics: [external({ target: { type: 'AverageValue', averageValue: 'much' } })] }))).toContain('"much"');
  });

  test('keeps a metric of another type in its place', () => {
    expect(wishOf(autoscaler({ metrics: [{ type: 'Resource' }] }))).toMatchObject({ metrics: [{ kind: 'other', type: 'Resource' }] });
  });
});

test('reports metrics a replica, in thousandths, and leaves out what was not read', () => {
  const object = autoscaler({ metrics: [external(), external(), external()] });
  const current = currentMetrics(object, [requests(10), missing(), requests(9, { kind: 'Value', value: 3 })], 4);

  expect(current.map(({ external }) => external?.current)).toEqual([{ averageValue: '2500m' }, { value: '9' }]);
});
