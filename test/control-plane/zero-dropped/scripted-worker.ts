import { workerCommand } from '../../../src/cli/commands/worker.ts';
import { runProgram } from '../../../src/cli/program.ts';

// `modelfleet worker` as it is, but for the engine in its child process.
const engine = new URL('./scripted-engine.ts', import.meta.url);
await runProgram({ worker: async () => workerCommand(() => engine) });
