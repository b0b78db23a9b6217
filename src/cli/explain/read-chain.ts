import { z } from 'zod';
import { horizontalPodAutoscalers } from '../../../controllers/scaling/autoscaler.ts';
import { type ModelDeployment, resolveSpec } from '../../api/model-deployment.ts';
import { isNotFound, type KubeClient, type ObjectRef } from '../../kube/index.ts';
import { modelDeployments } from '../revisions.ts';
import { autoscalerOf } from './autoscaler.ts';
import type { Chain } from './chain.ts';
import { requestsInSystem } from './facts.ts';
import { gatewayNamespaceOf, readGateways } from './gateways.ts';
import { readMetric } from './metric.ts';

const usualGatewayNamespace = 'modelfleet-system';

/** Reads all that decides over a deployment's replicas. Throws an Error that says what is not there. */
export async function readChain(client: KubeClient, ref: ObjectRef, gatewayNamespace?: string): Promise<Chain> {
  const deployment = await client.get(modelDeployments, ref).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new Error(`There is no ModelDeployment ${ref.name} in namespace ${ref.namespace}.`, { cause: error });
  });
  const home = gatewayNamespace ?? gatewayNamespaceOf(deployment.status?.endpoint) ?? usualGatewayNamespace;
  const [inSystem, waiting, gateways, { items }] = await Promise.all([
    readMetric(client, ref, requestsInSystem),
    readMetric(client, ref, 'modelfleet_requests_waiting'),
    readGateways(client, home, `${ref.namespace}/${ref.name}`),
    client.list(horizontalPodAutoscalers, { namespace: ref.namespace ?? '' }),
  ]);
  const named = items.find(({ metadata }) => metadata.name === ref.name);
  const rivals = items.filter(
    ({ metadata, spec }) =>
      metadata.name !== ref.name && spec?.scaleTargetRef.kind === modelDeployments.kind && spec.scaleTargetRef.name === ref.name,
  );
  return {
    deployment,
    spec: specOf(deployment),
    gateways,
    inSystem,
    waiting,
    autoscaler: named && autoscalerOf(named, deployment.metadata.uid),
    rivals: rivals.map(({ metadata }) => metadata.name),
  };
}

function specOf(deployment: ModelDeployment): Chain['spec'] {
  try {
    return resolveSpec(deployment);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    throw new Error(
      `spec.${issue?.path.join('.')} of ModelDeployment ${deployment.metadata.name} is unknown to this version of modelfleet (${issue?.message}). Use the version that the cluster runs.`,
      { cause: error },
    );
  }
}
