import { runProgram } from '../../src/cli/program.ts';

/** The program of the gateway image: this command alone. */
await runProgram({ gateway: async () => (await import('../../src/cli/commands/gateway.ts')).gatewayCommand() });
