import * as nodeModule from 'node:module';
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { describeError, Failure } from '../core/failure.ts';

/** Commands by name; each one's module is imported only when it is used: a worker must answer its port before a Kubernetes client could load. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** Runs the `modelfleet` program with these commands on the arguments of the process. */
export async function runProgram(commands: Commands): Promise<void> {
  if (Number.parseInt(process.versions.node, 10) < 24) {
    console.error(`modelfleet: Node 24 or newer is needed; this is ${process.version}.`);
    process.exit(1);
  }
  nodeModule.enableCompileCache(); // a worker's port should answer before its code has been compiled anew

  const program = new Command('modelfleet')
    .description(packageJson.description)
    .version(packageJson.version)
    .showHelpAfterError('(modelfleet --help lists the commands)');

  const asked = commands[process.argv[2] ?? ''];
  for (const load of asked ? [asked] : Object.values(commands)) program.addCommand(await load());

  try {
    await program.parseAsync();
  } catch (error) {
    const remedy = error instanceof Failure ? ` ${error.remedy}` : '';
    console.error(`modelfleet: ${describeError(error)}${remedy}`);
    process.exitCode = 1;
  }
}
