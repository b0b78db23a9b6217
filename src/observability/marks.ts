/**
 * Series by which the processes of a kind are known, whatever the one who scrapes calls their job. `selector` narrows them, with a comma in front.
 * A controller that stands by counts nothing yet but whether it leads; one that runs without an election has only counts.
 */
export function controllerMark(selector = ''): string {
  const election = `leader_election_master_status{name="modelfleet-controller"${selector}}`;
  return `(${election} or on (job, instance) controller_runtime_max_concurrent_reconciles{controller="modeldeployment"${selector}})`;
}

/** One series for each deployment: none while there is no deployment. */
export const gatewayMark = 'modelfleet_gateway_ready_replicas';
