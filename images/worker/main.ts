import { runProgram } from '../../src/cli/program.ts';

/** The program of the worker image: the worker, and what brings its agent into other images. */
await runProgram({
  worker: async () => (await import('../../src/cli/commands/worker.ts')).workerCommand(),
  install: async () => (await import('../../src/cli/commands/install.ts')).installCommand(),
});
