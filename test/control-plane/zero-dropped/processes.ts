import { type RunningCommand, startModelfleet } from '../../fakes/command.ts';
import { freePort } from '../../fakes/free-port.ts';

/** A `modelfleet` process that a test talks to. */
export type Program = {
  readonly url: string;
  /** Ends it and waits for that. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** What it said of level warning and above, and whatever is no log. */
  complaints(): readonly string[];
};

/** Starts a gateway; resolves when it has read the cluster. */
export async function startGatewayProcess(kubeconfig: string, namespace: string): Promise<Program> {
  const [port, metricsPort] = [String(await freePort()), String(await freePort())];
  const ports = ['--host', '127.0.0.1', '--port', port, '--metrics-port', metricsPort];
  const command = startModelfleet('gateway', '--kubeconfig', kubeconfig, '--namespace', namespace, ...ports);
  return ready(command, `http://127.0.0.1:${port}`, `http://127.0.0.1:${metricsPort}/readyz`);
}

/** Starts a controller; resolves when it has read the cluster. */
export async function startControllerProcess(kubeconfig: string, namespace: string, workerImage: string): Promise<Program> {
  const port = String(await freePort());
  const options = ['--namespace', namespace, '--worker-image', workerImage, '--host', '127.0.0.1', '--port', port];
  const command = startModelfleet('controller', '--kubeconfig', kubeconfig, ...options);
  return ready(command, `http://127.0.0.1:${port}`, `http://127.0.0.1:${port}/readyz`);
}

async function ready(command: RunningCommand, url: string, readyUrl: string): Promise<Program> {
  const { child } = command;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const deadline = Date.now() + 60_000;
  while (!(await answers(readyUrl))) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${command.output()}`);
    if (Date.now() > deadline) throw new Error(`it is not ready: ${command.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    end: async (signal) => {
      child.kill(signal);
      await ended;
    },
    complaints: () =>
      command
        .output()
        .split('\n')
        .filter((line) => line !== '' && !/^\{"level":[123]0,/.test(line)),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // does not listen yet
  }
}
