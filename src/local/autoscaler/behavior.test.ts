import { expect, test } from 'vitest';
import { completeBehavior } from './behavior.ts';

test('fills in the documented defaults', () => {
  const { scaleUp, scaleDown } = completeBehavior();

  expect(scaleUp).toEqual({
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
    tolerance: 0.1,
  });
  expect(scaleDown).toEqual({
    stabilizationWindowSeconds: 300,
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    tolerance: 0.1,
  });
});

test('keeps what is given, and the defaults of the rest', () => {
  const policies = [{ type: 'Pods', value: 1, periodSeconds: 60 }] as const;
  const { scaleUp, scaleDown } = completeBehavior({ scaleDown: { policies, tolerance: 0.02 } });

  expect(scaleDown).toEqual({ stabilizationWindowSeconds: 300, selectPolicy: 'Max', policies, tolerance: 0.02 });
  expect(scaleUp).toEqual(completeBehavior().scaleUp);
});
