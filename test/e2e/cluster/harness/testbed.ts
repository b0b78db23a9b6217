import { once } from 'node:events';
import { startModelfleet } from '../../../fakes/command.ts';
import { testbedImage } from './images.ts';
import { apply, kube, kubeconfig, podReady, read } from './kube.ts';
import { gatewayUrl } from './release.ts';

const restricted = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };

type Program = {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Name of a claim that is mounted at /data. */
  readonly claim?: string;
  readonly port?: number;
};

function pod(namespace: string, name: string, program: Program): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 30,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, fsGroup: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'testbed',
          image: testbedImage,
          imagePullPolicy: 'IfNotPresent',
          args: program.args,
          env: Object.entries(program.env ?? {}).map(([key, value]) => ({ name: key, value })),
          // A caller that waits for its turn on the processor would time out by itself.
          resources: { requests: { cpu: '250m', memory: '64Mi' } },
          securityContext: restricted,
          ...(program.claim !== undefined && { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
          ...(program.port !== undefined && { readinessProbe: { httpGet: { path: '/requests', port: program.port }, periodSeconds: 1 } }),
        },
      ],
      ...(program.claim !== undefined && { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: program.claim } }] }),
    },
  };
}

/** A pod that serves the model file over HTTP, this slow at most; answers its URL within the cluster. */
export async function serveModelFile(namespace: string, bytesPerSecond: number): Promise<string> {
  const program = { args: ['/testbed/serve.ts'], env: { BYTES_PER_SECOND: String(bytesPerSecond) }, port: 8080 };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'files', namespace },
    spec: { selector: { app: 'files' }, ports: [{ port: 80, targetPort: 8080 }] },
  };
  await apply(service, pod(namespace, 'files', program));
  await podReady(namespace, 'files');
  return `http://files.${namespace}.svc/model.gguf`;
}

/** Requests for the model file that the server has had. */
export async function fileRequests(namespace: string): Promise<readonly { method: string; from: number; bytes: number }[]> {
  return JSON.parse(await kube(['get', '--raw', `/api/v1/namespaces/${namespace}/services/files:80/proxy/requests`]));
}

/** Puts the model file into a claim. */
export async function fillClaim(namespace: string, claim: string, path: string): Promise<void> {
  await apply(pod(namespace, 'fill', { args: ['/testbed/copy.ts', `/data/${path}`], claim }));
  await kube(['wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/fill', '-n', namespace, '--timeout=120s']);
  await kube(['delete', 'pod', 'fill', '-n', namespace]);
}

/** What the program says, as an administrator would have it. Throws with its complaint when it fails. */
export async function modelfleet(...argv: readonly string[]): Promise<string> {
  const { child, output } = startModelfleet(...argv, '--kubeconfig', kubeconfig);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(output());
  return output().trim();
}

/** A caller in the cluster: a pod beside the models that asks through the gateway's Service. */
export class Caller {
  private readonly namespace: string;
  private readonly env: Readonly<Record<string, string>>;

  private constructor(namespace: string, env: Readonly<Record<string, string>>) {
    this.namespace = namespace;
    this.env = env;
  }

  static async create(namespace: string, model: string): Promise<Caller> {
    const env = { GATEWAY: gatewayUrl, KEY: await modelfleet('keys', 'create', namespace), MODEL: `${namespace}/${model}` };
    const idle = ['-e', 'process.once("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1e9)'];
    await apply(pod(namespace, 'caller', { args: idle, env }));
    await podReady(namespace, 'caller');
    return new Caller(namespace, env);
  }

  /** One streamed chat. */
  async chat(): Promise<Chat> {
    return JSON.parse(await kube(['exec', '-n', this.namespace, 'caller', '--', '/usr/local/bin/node', '/testbed/chat.ts']));
  }

  /** Begins to ask, this often a second, in a pod of its own. */
  async loop(name: string, rate: number): Promise<{ stop(): Promise<LoopReport> }> {
    return await this.start<LoopReport>(name, '/testbed/loop.ts', { RATE: String(rate) });
  }

  /** Begins to hold so many streams at once, in a pod of its own. */
  async streams(name: string, count: number): Promise<RunningStreams> {
    const running = await this.start<StreamsReport>(name, '/testbed/streams.ts', { STREAMS: String(count) });
    return { ...running, began: () => this.began(name) };
  }

  private async began(name: string): Promise<number> {
    const log = await kube(['logs', '-n', this.namespace, name]);
    const [, at] = /^began (\d+)$/m.exec(log) ?? [];
    if (at === undefined) throw new Error(`${name} has not begun: ${log}`);
    return Number(at);
  }

  private async start<Report>(name: string, program: string, env: Readonly<Record<string, string>>): Promise<{ stop(): Promise<Report> }> {
    await apply(pod(this.namespace, name, { args: [program], env: { ...this.env, ...env } }));
    await podReady(this.namespace, name);
    return { stop: () => this.end<Report>(name) };
  }

  private async end<Report>(name: string): Promise<Report> {
    // Asked by exec, so that the pod stays until its last words are read.
    await kube(['exec', '-n', this.namespace, name, '--', '/usr/local/bin/node', '-e', 'process.kill(1, "SIGTERM")']);
    await kube(['wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '-n', this.namespace, '--timeout=120s']);
    const words = (await kube(['logs', '-n', this.namespace, name])).trim().split('\n');
    return JSON.parse(words.at(-1) ?? '') as Report;
  }
}

/** An answer, and when it was asked for by the caller's clock. */
export type Chat = {
  readonly text: string;
  readonly chunks: number;
  readonly done: boolean;
  readonly firstByteMs: number;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
};

/** What a loop of requests has met. */
export type LoopReport = {
  readonly answered: number;
  readonly failures: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
};

/** What streams have met: whole ones, their events, and what went wrong with the others. */
type StreamsReport = { readonly streams: number; readonly frames: number; readonly failures: readonly string[] };

export type RunningStreams = {
  /** When the first were sent: milliseconds since the epoch. Rejects until then. */
  began(): Promise<number>;
  stop(): Promise<StreamsReport>;
};

/** A claim of the cluster's default class. */
export async function claim(namespace: string, name: string): Promise<void> {
  await apply({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
}

/** What the containers said last that ended since `before`, by pod: the reason of a restart that should not have been. */
export async function lastWords(namespace: string, selector: string, before: Readonly<Record<string, number>>): Promise<string> {
  const now = await restarts(namespace, selector);
  const restarted = Object.keys(now).filter((pod) => (now[pod] ?? 0) > (before[pod] ?? 0));
  const words = await Promise.all(
    restarted.map(async (pod) => `${pod}:\n${await kube(['logs', '-n', namespace, pod, '--previous', '--tail=20'])}`),
  );
  return words.join('\n');
}

/** The restarts of each pod's containers, by name. */
export async function restarts(namespace: string, selector: string): Promise<Readonly<Record<string, number>>> {
  type Pods = { items: { metadata: { name: string }; status: { containerStatuses?: { restartCount: number }[] } }[] };
  const { items } = await read<Pods>('pods', '-n', namespace, '-l', selector);
  return Object.fromEntries(items.map(({ metadata, status }) => [metadata.name, status.containerStatuses?.[0]?.restartCount ?? 0]));
}
