import { runProgram } from '../../src/cli/program.ts';

/** The program of the controller image: this command alone. */
await runProgram({ controller: async () => (await import('../../src/cli/commands/controller.ts')).controllerCommand() });
