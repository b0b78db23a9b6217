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

// Gateways know every deployment, also one without replicas. They name it `namespace/name`.
const deployments = 'modelfleet_gateway_ready_replicas';

/** The namespace and the name of deployments. */
export const deploymentChoices = [
  { name: 'namespace', label: 'Namespace', series: deployments, of: 'model', regex: '/^([^/]+)\\//' },
  { name: 'model', label: 'Model', series: `${deployments}{model=~"$namespace/.+"}`, of: 'model', regex: '/\\/(.+)$/' },
];

/** Selects the chosen deployments among series of gateways. */
export const chosenAtGateway = 'model=~"$namespace/$model"';

/** Selects the chosen deployments among series of workers. */
export const chosenAtWorker = 'namespace=~"$namespace", model_name=~"$model"';
