import { runProgram } from '../../src/cli/program.ts';

/** The program of the worker image: this command alone. */
await runProgram({ worker: async () => (await import('../../src/cli/commands/worker.ts')).workerCommand() });
