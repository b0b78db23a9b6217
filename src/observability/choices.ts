import { gatewayMark } from './marks.ts';

/**
 * Where Modelfleet itself runs: several installations may share a cluster.
 * Not called `namespace`, for links between dashboards carry choices along, and there it is the namespace of models.
 */
export const installation = {
  name: 'installation',
  label: 'Namespace of Modelfleet',
  series: 'controller_runtime_max_concurrent_reconciles{controller="modeldeployment"}',
  of: 'namespace',
};

/** The namespace and the name of deployments. Gateways know all of them, also those without replicas, as `namespace/name`. */
export const deploymentChoices = [
  { name: 'namespace', label: 'Namespace', series: gatewayMark, of: 'model', regex: '/^([^/]+)\\//' },
  { name: 'model', label: 'Model', series: `${gatewayMark}{model=~"$namespace/.+"}`, of: 'model', regex: '/\\/(.+)$/' },
];

/** Selects the chosen deployments among series of gateways. */
export const chosenAtGateway = 'model=~"$namespace/$model"';

/** Selects the chosen deployments among series of workers. */
export const chosenAtWorker = 'namespace=~"$namespace", model_name=~"$model"';
