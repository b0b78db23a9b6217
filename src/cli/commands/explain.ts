import { Command } from 'commander';
import { type ClusterOptions, deploymentRef, inCluster, withClusterOptions } from '../cluster.ts';
import { columns } from '../columns.ts';
import type { Chain } from '../explain/chain.ts';
import { factsOf } from '../explain/facts.ts';
import { nextOf } from '../explain/next.ts';
import { readChain } from '../explain/read-chain.ts';
import { stepsOf } from '../explain/steps.ts';

type Options = ClusterOptions & { readonly gatewayNamespace?: string };

/** `modelfleet explain NAME`: why a deployment has as many replicas as it has, and what happens next. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description(
      'why a model deployment has as many replicas as it has: from the requests at the gateways to its pods, and what happens next',
    )
    .argument('<name>', 'the ModelDeployment, as NAME or mdep/NAME')
    .option('--gateway-namespace <name>', 'namespace of the gateways; that of status.endpoint, else modelfleet-system');
  return withClusterOptions(command).action((name: string, { gatewayNamespace, ...options }: Options) =>
    inCluster(options, 'modelfleet-explain', async (client, namespace) => {
      console.log(explanation(await readChain(client, deploymentRef(name, namespace), gatewayNamespace), Date.now()));
    }),
  );
}

/** The chain, one step a line, and what happens next; `now` is in milliseconds. */
export function explanation(chain: Chain, now: number): string {
  const facts = factsOf(chain);
  return `${columns([['STEP', 'AGE', 'WHAT'], ...stepsOf(facts, now)])}\n\nNext: ${nextOf(facts)}`;
}
