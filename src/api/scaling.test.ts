import { expect, test } from 'vitest';
import { gpuScalingBehavior } from './scaling.ts';

test('waits with scaling down for five minutes, or twice as long as loading takes, and never longer than Kubernetes allows', () => {
  const windowAfter = (loadSeconds: number) => gpuScalingBehavior(loadSeconds).scaleDown.stabilizationWindowSeconds;

  expect(windowAfter(0)).toBe(300);
  expect(windowAfter(150)).toBe(300);
  expect(windowAfter(151)).toBe(360);
  expect(windowAfter(600)).toBe(1_200);
  expect(windowAfter(86_400)).toBe(3_600);
});

test('scales up without waiting', () => {
  expect(gpuScalingBehavior(600).scaleUp.stabilizationWindowSeconds).toBe(0);
});
