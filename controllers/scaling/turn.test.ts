import { expect, test } from 'vitest';
import { type ModelDeployment, type ModelDeploymentSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import { deployment, t0 } from '../modeldeployment/testing/makers.fake.ts';
import { type Standing, turnOf } from './turn.ts';

const idleTimeoutMs = 600_000;
const scaling = { minReplicas: 0, maxReplicas: 4 };
const told = { observedGeneration: 1 };

function one(spec: Partial<ModelDeploymentSpec>, { asleep = false, isNew = false } = {}): ModelDeployment {
  const marks = asleep ? { annotations: { [annotations.asleep]: '2026-01-01T00:00:00Z' } } : {};
  return { ...deployment({ scaling, ...spec }, marks), ...(!isNew && { status: told }) };
}

/** A turn at `t0` of a deployment that has been silent for a second. */
function turn(of: ModelDeployment, fields: Partial<Standing> = {}) {
  const quiet = { waiting: 0, silent: true, silentSince: t0 - 1_000, replicas: of.spec.replicas ?? 1, loading: false };
  return turnOf({ deployment: of, spec: resolveSpec(of), ...quiet, ...fields }, t0);
}

const longSilent = { silentSince: t0 - idleTimeoutMs };

test('puts to sleep what nobody asks for, from however many replicas', () => {
  expect(turn(one({ replicas: 1 }), longSilent)).toEqual({ do: 'sleep', silentMs: idleTimeoutMs });
  expect(turn(one({ replicas: 3 }), longSilent)).toMatchObject({ do: 'sleep' });
});

test('waits for the rest of the silence', () => {
  expect(turn(one({ replicas: 1 }))).toEqual({ do: 'nothing', dueMs: idleTimeoutMs - 1_000 });
  expect(turn(one({ replicas: 1, scaling: { ...scaling, idleTimeout: '3s' } }))).toEqual({ do: 'nothing', dueMs: 2_000 });
});

test('lets nothing sleep that loads, or of which nobody knows that it is silent', () => {
  expect(turn(one({ replicas: 1 }), { ...longSilent, loading: true })).toMatchObject({ do: 'nothing', dueMs: 5_000 });
  expect(turn(one({ replicas: 1 }), { ...longSilent, silent: false })).toMatchObject({ do: 'nothing', dueMs: 5_000 });
});

test('leaves alone what may not go to zero', () => {
  expect(turn(one({ replicas: 1, scaling: { minReplicas: 1, maxReplicas: 4 } }), longSilent)).toEqual({ do: 'nothing' });
  const unscaled = deployment({ replicas: 1 });
  expect(turn(unscaled, longSilent)).toEqual({ do: 'nothing' });
  expect(turn(one({ replicas: 1, suspend: true }), longSilent)).toEqual({ do: 'nothing' });
});

test('wakes what sleeps when a request waits', () => {
  const asleep = one({ replicas: 0 }, { asleep: true });
  expect(turn(asleep)).toEqual({ do: 'nothing' });
  expect(turn(asleep, { waiting: 1, silent: false })).toEqual({ do: 'wake', cause: 'Requests' });
});

test('wakes what may not sleep any more', () => {
  const raised = one({ replicas: 0, scaling: { minReplicas: 2, maxReplicas: 4 } }, { asleep: true });
  expect(turn(raised)).toEqual({ do: 'wake', cause: 'MinReplicas' });
  const { scaling: _, ...unscaled } = one({ replicas: 0 }, { asleep: true }).spec;
  expect(turn({ ...one({ replicas: 0 }, { asleep: true }), spec: unscaled })).toEqual({ do: 'wake', cause: 'NotScaled' });
});

test('keeps a zero that somebody set himself, whoever asks', () => {
  expect(turn(one({ replicas: 0 }), { waiting: 5, silent: false })).toEqual({ do: 'nothing' });
  expect(turn(one({ replicas: 0, suspend: true }, { asleep: true }), { waiting: 5 })).toEqual({ do: 'nothing' });
  const kept = one({ replicas: 0, scaling: { minReplicas: 2, maxReplicas: 4 } });
  expect(turn(kept)).toEqual({ do: 'nothing' });
});

test('lets begin asleep what was made with no replicas', () => {
  expect(turn(one({ replicas: 0 }, { isNew: true }))).toEqual({ do: 'begin' });
  expect(turn(one({ replicas: 0 }, { isNew: true }), { waiting: 1 })).toEqual({ do: 'wake', cause: 'Requests' });
  expect(turn(one({ replicas: 0 }, { isNew: true }), { replicas: 1 })).toEqual({ do: 'nothing' });
  expect(turn(one({ replicas: 0, scaling: { minReplicas: 1, maxReplicas: 4 } }, { isNew: true }))).toEqual({ do: 'nothing' });
});

test('forgets that it slept when somebody gives it replicas', () => {
  expect(turn(one({ replicas: 2 }, { asleep: true }), longSilent)).toEqual({ do: 'awaken' });
});
