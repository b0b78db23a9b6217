import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, Probe } from 'kubernetes-types/core/v1.d.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { PortMap } from './ports.ts';
import { ContainerProcess } from './process.ts';

export type ProbeOutcome = { readonly ok: boolean; readonly message: string };

export type ProbeTarget = {
  readonly container: Container;
  readonly host: string;
  readonly ports: PortMap;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
};

const maxOutputLength = 10 * 1024;

/** Runs a probe once. Never rejects for what the container does: that is an outcome with ok false; rejects when `signal` aborts. */
export async function runProbe(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const seconds = probe.timeoutSeconds ?? 1;
  const timeout = AbortSignal.timeout(seconds * 1000);
  try {
    const outcome = await runAction(probe, target, AbortSignal.any([signal, timeout]));
    signal.throwIfAborted();
    return outcome;
  } catch (error) {
    signal.throwIfAborted();
    const why = timeout.aborted ? `no answer within ${seconds}s` : error instanceof Error ? error.message : String(error);
    return { ok: false, message: `${describe(probe, target)}${why}` };
  }
}

/** Does what a probe or a hook says, once. Rejects when there is no answer at all, or when `signal` aborts. */
export async function runAction(
  { httpGet: get, tcpSocket, exec }: Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec'>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  if (get) return httpGet(get, target, signal);
  if (tcpSocket) return tcpConnect(tcpSocket, target, signal);
  if (exec) return execute(exec.command ?? [], target, signal);
  throw new Error('local mode knows httpGet, tcpSocket and exec only');
}

function httpGet(action: NonNullable<Probe['httpGet']>, target: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const secure = action.scheme === 'HTTPS';
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/modelfleet', accept: '*/*', connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const url = probeUrl(action, target);
  return new Promise((resolve, reject) => {
    const request = secure
      ? httpsRequest(url, { agent: false, headers, signal, rejectUnauthorized: false }) // kubelets do not verify either
      : httpRequest(url, { agent: false, headers, signal });
    request.once('error', reject);
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      response.once('error', reject);
      response.once('end', () => resolve({ ok: status >= 200 && status < 400, message: `HTTP probe failed with statuscode: ${status}` }));
    });
    request.end();
  });
}

function tcpConnect(action: NonNullable<Probe['tcpSocket']>, target: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: action.host ?? target.host, port: realPort(action.port, target), signal });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve({ ok: true, message: '' });
    });
  });
}

async function execute(
  argv: readonly string[],
  target: ProbeTarget,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<ProbeOutcome> {
  let output = '';
  const child = await ContainerProcess.start({
    argv,
    environment: target.environment,
    workingDirectory: target.workingDirectory,
    clock,
    onOutput: (_, chunk) => {
      output = (output + chunk.toString()).slice(0, maxOutputLength);
    },
  });
  const end = () => child.stop(0);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    const { exitCode } = await child.exited;
    signal.throwIfAborted();
    return { ok: exitCode === 0, message: output.trim() || `command ended with exit code ${exitCode}` };
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** The port on this machine that a probe's port (a name, or the number in the container) stands for. */
function realPort(port: string | number, { container, ports }: ProbeTarget): number {
  const declared = container.ports?.find((one) => one.name === port || one.containerPort === Number(port));
  const real = declared ? ports[declared.name ?? String(declared.containerPort)] : Number(port);
  if (real === undefined || !Number.isInteger(real)) throw new Error(`the container declares no port "${port}"`);
  return real;
}

function probeUrl(action: NonNullable<Probe['httpGet']>, target: ProbeTarget): string {
  const path = action.path ?? '/';
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  return `${scheme}://${action.host ?? target.host}:${realPort(action.port, target)}${path.startsWith('/') ? path : `/${path}`}`;
}

function describe(probe: Probe, target: ProbeTarget): string {
  try {
    return probe.httpGet ? `Get "${probeUrl(probe.httpGet, target)}": ` : '';
  } catch {
    return ''; // the port is the problem: the message says so
  }
}
