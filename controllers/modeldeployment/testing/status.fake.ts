import { expect } from 'vitest';
import type { Condition, ModelDeploymentSpec, ModelDeploymentStatus } from '../../../src/api/model-deployment.ts';
import { modelDeploymentStatus } from '../../../src/api/model-deployment-status.ts';
import { accept } from '../acceptance.ts';
import type { Replica } from '../replica.ts';
import { statusOf } from '../status.ts';
import type { Observation } from '../status-observation.ts';
import { deployment, t0 } from './makers.fake.ts';

/** The status of a deployment of two replicas in revision v1, unless told otherwise. */
export function status(
  replicas: readonly Replica[],
  spec: Partial<ModelDeploymentSpec> = {},
  fields: Partial<Observation> = {},
): ModelDeploymentStatus {
  const subject = fields.deployment ?? deployment({ replicas: 2, ...spec });
  const result = statusOf({
    deployment: subject,
    acceptance: accept(subject, 'privileged'),
    revision: 'v1',
    replicas,
    previous: undefined,
    nodeClasses: new Map(),
    waitingAtGateways: 0,
    gatewayUrl: 'http://gateway:8080/',
    now: t0,
    ...fields,
  });
  expect(modelDeploymentStatus.parse(result)).toEqual(result); // what the CRD would refuse or prune is a bug here
  return result;
}

export function condition(from: ModelDeploymentStatus, type: string): Condition | undefined {
  return from.conditions?.find((one) => one.type === type);
}

/** `Ready=True Ready` for each condition. */
export function summary(from: ModelDeploymentStatus): readonly string[] {
  return (from.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`);
}
