#!/usr/bin/env node
import { runProgram } from './program.ts';

await runProgram({
  local: async () => (await import('./commands/local.ts')).localCommand(),
  controller: async () => (await import('./commands/controller.ts')).controllerCommand(),
  gateway: async () => (await import('./commands/gateway.ts')).gatewayCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  models: async () => (await import('./commands/models.ts')).modelsCommand(),
  explain: async () => (await import('./commands/explain.ts')).explainCommand(),
  history: async () => (await import('./commands/history.ts')).historyCommand(),
  rollback: async () => (await import('./commands/rollback.ts')).rollbackCommand(),
  usage: async () => (await import('./commands/usage.ts')).usageCommand(),
  keys: async () => (await import('./commands/keys.ts')).keysCommand(),
});
