import { Command, Option } from 'commander';
import { defaultHttpPort, defaultManagementPort } from '../../core/agent-contract.ts';
import { systemClock } from '../../core/clock.ts';
import { describeError } from '../../core/failure.ts';
import { createLogger } from '../../core/logger.ts';
import { watchParent } from '../../worker/agent/parent-watch.ts';
import { parseChecksum } from '../../worker/artifacts/checksums.ts';
import { parsePathMap } from '../../worker/artifacts/path-map.ts';
import { devices } from '../../worker/engines/engine.ts';
import { EngineProcess } from '../../worker/engines/process/engine-process.ts';
import { engineNames, engineProgram } from '../../worker/engines/programs.ts';
import type { WorkerOptions } from '../../worker/options.ts';
import { type RunningWorker, startWorker } from '../../worker/worker.ts';
import { checked, collect, duration, portNumber, positiveInteger } from '../options.ts';

type Flags = {
  name: string;
  source: string;
  file: string[];
  checksum: Record<string, string>;
  contextLength?: number;
  engine: WorkerOptions['engine'];
  device: WorkerOptions['device'];
  maxSequences: number;
  cacheDir: string;
  drainTimeout: number;
  wedgeTimeout: number;
  host: string;
  port: number;
  managementPort: number;
  pathMap: Record<string, string>;
  parentFd?: number;
};

const tokenVariable = 'MODEL_SOURCE_TOKEN';

/** `modelfleet worker`: serves one model. `engines` knows the program of each engine. */
export function workerCommand(engines: (name: WorkerOptions['engine']) => URL = engineProgram): Command {
  return new Command('worker')
    .description('serve one model: OpenAI surface, load progress, health, drain')
    .requiredOption('--name <model>', 'name that /v1/models lists')
    .requiredOption('--source <uri>', 'where the model comes from: file:///models/x.gguf, https://host/x.gguf, http://host/x.gguf')
    .addOption(new Option('--file <glob>', 'only files that match (repeatable)').default([]).argParser(collect))
    .addOption(new Option('--checksum <file=sha256:hex>', 'pin of a file (repeatable)').default({}, 'none').argParser(collectChecksum))
    .addOption(
      new Option('--context-length <tokens>', 'tokens of prompt and answer together (default: what the model has, at most 4096)').argParser(
        positiveInteger,
      ),
    )
    .addOption(new Option('--engine <name>', 'what runs the model').choices(engineNames).default('llama'))
    .addOption(new Option('--device <name>', 'where it runs; anything but Auto and CPU must be there').choices(devices).default('Auto'))
    .addOption(new Option('--max-sequences <n>', 'requests that run at once').default(8).argParser(positiveInteger))
    .addOption(new Option('--cache-dir <dir>', 'where fetched models are kept').default('/var/cache/modelfleet'))
    .addOption(
      new Option('--drain-timeout <duration>', 'how long running requests may go on after SIGTERM')
        .default(300_000, '5m')
        .argParser(duration),
    )
    .addOption(
      new Option('--wedge-timeout <duration>', 'a request without a token for this long means that the engine hangs')
        .default(60_000, '60s')
        .argParser(duration),
    )
    .addOption(new Option('--host <addr>', 'address to listen on').default('0.0.0.0').env('MODELFLEET_HOST'))
    .addOption(new Option('--port <n>', 'serving port').default(defaultHttpPort).env('MODELFLEET_PORT_HTTP').argParser(portNumber))
    .addOption(
      new Option('--management-port <n>', 'management port')
        .default(defaultManagementPort)
        .env('MODELFLEET_PORT_MANAGEMENT')
        .argParser(portNumber),
    )
    .addOption(new Option('--path-map <json>').default({}).env('MODELFLEET_PATH_MAP').argParser(checked(parsePathMap)).hideHelp())
    .addOption(new Option('--parent-fd <n>').env('MODELFLEET_PARENT_FD').argParser(positiveInteger).hideHelp())
    .addHelpText('after', `\n${tokenVariable} in the environment is sent as a bearer token to the host of an http(s) source.`)
    .action(async (flags: Flags) => {
      process.exit(await runWorker(toOptions(flags, takeToken()), engines));
    });
}

/** Runs until a signal has drained the worker or the parent is gone. Resolves with the exit code. */
async function runWorker(options: WorkerOptions, engines: (name: WorkerOptions['engine']) => URL): Promise<number> {
  const logger = createLogger('worker');
  const spawn = () => new EngineProcess(engines(options.engine), systemClock, logger);
  let worker: RunningWorker;
  try {
    worker = await startWorker(options, { spawn, clock: systemClock, logger });
    if (options.parentFd !== undefined) {
      watchParent(options.parentFd, () => {
        logger.error('the parent process is gone');
        worker.kill();
        process.exit(1);
      });
    }
  } catch (error) {
    logger.fatal(`The worker cannot start: ${describeError(error)}`);
    return 1;
  }
  const signal = await nextSignal();
  // A second signal means "now".
  void nextSignal().then(() => {
    worker.kill();
    process.exit(1);
  });
  logger.info({ signal }, 'stopping');
  await worker.stop();
  return 0;
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
}

function toOptions({ file, checksum, drainTimeout, wedgeTimeout, ...rest }: Flags, sourceToken: string | undefined): WorkerOptions {
  const times = { drainTimeoutMs: drainTimeout, wedgeTimeoutMs: wedgeTimeout };
  return { ...rest, ...times, files: file, checksums: checksum, ...(sourceToken !== undefined && { sourceToken }) };
}

/** A flag would show the token in the list of processes. The engine, a child with the same environment, does not get it. */
function takeToken(): string | undefined {
  const token = process.env[tokenVariable];
  delete process.env[tokenVariable];
  return token;
}

function collectChecksum(value: string, previous: Record<string, string>): Record<string, string> {
  const [file, checksum] = checked(parseChecksum)(value);
  return { ...previous, [file]: checksum };
}
