import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { z } from 'zod';
import { modelDeploymentResource } from '../../api/resources.ts';
import { createLogger } from '../../core/logger.ts';
import { type Local, startLocal } from '../../local/local.ts';
import { applyManifest, type Manifest, readManifests } from '../../local/manifests.ts';
import { StateDir } from '../../local/state-dir.ts';
import { modelCacheDir } from '../../worker/artifacts/pull/cache-dir.ts';
import { catalogue } from '../../worker/artifacts/pull/catalogue.ts';
import { type PullProgress, pullModel } from '../../worker/artifacts/pull/pull.ts';
import { deploymentReady } from '../deployment-ready.ts';
import { ProgressView } from '../load-progress.ts';
import { collect, duration, portNumber } from '../options.ts';
import { pullShown } from '../pull-progress.ts';
import { aborted, onStopSignal } from '../stop-signal.ts';

/** Where containers see the model cache. */
const modelsPath = '/models';
const fieldManager = 'modelfleet-local-apply';

const withSource = z.object({ spec: z.object({ model: z.object({ source: z.string() }) }) });

type Options = {
  readonly apply: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly state: string;
  readonly reset: boolean;
  readonly drainTimeout: number;
};

/** `modelfleet local`: everything on one machine, without Kubernetes, until Ctrl-C. */
export function localCommand(): Command {
  return new Command('local')
    .description('run everything on this machine, without a Kubernetes cluster')
    .option('--apply <file>', 'manifest to apply once everything is up; may be repeated', collect, [])
    .option('--host <address>', 'address of the gateway', '127.0.0.1')
    .option('--port <number>', 'port of the gateway', portNumber, 8080)
    .option('--state <folder>', 'where objects, logs and credentials are kept', '.modelfleet')
    .option('--reset', 'forget the state of earlier runs first (pulled models are kept)', false)
    .option('--drain-timeout <duration>', 'how long running answers may go on at the end', duration, 10_000)
    .action(run);
}

async function run(options: Options): Promise<void> {
  try {
    await serve(options, onStopSignal());
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new Error(`The disk that holds ${options.state} is full. Free space, or give another folder with --state.`, { cause: error });
  }
}

async function serve(options: Options, stop: AbortSignal): Promise<void> {
  const manifests = (await Promise.all(options.apply.map((file) => readManifests(file)))).flat();
  await using opened = new AsyncDisposableStack();

  const state = await StateDir.open(options.state, { reset: options.reset });
  opened.defer(() => state.close());
  const local = await startLocal({
    state,
    host: options.host,
    port: options.port,
    workerProgram: [process.execPath, fileURLToPath(new URL(`../main${sourceExtension()}`, import.meta.url))],
    pathMap: { [modelsPath]: modelCacheDir() },
    logger: createLogger('local', { file: state.file('modelfleet.log') }),
  });
  opened.defer(() => local.stop(stop.aborted ? options.drainTimeout : 0));

  try {
    await Promise.race([bringUp(local, manifests, stop), local.ended]);
    printConnection(local, modelOf(manifests));
    await Promise.race([aborted(stop), local.ended]);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  console.log('\nStopping. Press Ctrl-C again to end at once.');
}

/** Gets the models, applies the manifests and shows the load until every deployment is ready. */
async function bringUp(local: Local, manifests: readonly Manifest[], signal: AbortSignal): Promise<void> {
  const view = new ProgressView(process.stdout);
  for (const manifest of manifests) await ensureModel(manifest, view, signal);
  for (const manifest of manifests) {
    const name = `${manifest.kind.toLowerCase()}/${manifest.metadata.name}`;
    const applied = await applyManifest(local.client, manifest, { fieldManager, signal });
    console.log(applied === 'applied' ? `${name} applied` : `${name} was changed since it was applied: kept as it is`);
  }
  const deployments = manifests.filter(({ kind }) => kind === modelDeploymentResource.kind);
  for (const { metadata } of deployments) {
    const { name, namespace = 'default' } = metadata;
    await deploymentReady(local.cache, { namespace, name }, (progress) => view.show(progress), signal).finally(() => view.end());
  }
}

/** Pulls a model of the catalogue that the cache lacks; refuses a file that is nowhere. */
async function ensureModel(manifest: Manifest, view: ProgressView, signal: AbortSignal): Promise<void> {
  if (manifest.kind !== modelDeploymentResource.kind) return;
  const source = withSource.safeParse(manifest).data?.spec.model.source;
  if (!source?.startsWith('file://')) return;
  const path = source.slice('file://'.length);
  const inCache = path.startsWith(`${modelsPath}/`) ? path.slice(modelsPath.length + 1) : undefined;
  const known = catalogue.find(({ file }) => file === inCache);
  if (known) {
    const onProgress = (progress: PullProgress) => view.show(pullShown(known.file, progress));
    await pullModel(known.name, { signal, onProgress }).finally(() => view.end());
    return;
  }
  const real = inCache === undefined ? path : join(modelCacheDir(), inCache);
  if (!(await stat(real).catch(() => undefined))) {
    throw new Error(
      `${manifest.metadata.name}: there is no ${real} (spec.model.source ${source}). Put the file there, or correct the source.`,
    );
  }
}

/** A public name of the first deployment among the manifests. */
function modelOf(manifests: readonly Manifest[]): string | undefined {
  return manifests.find(({ kind }) => kind === modelDeploymentResource.kind)?.metadata.name;
}

function printConnection({ connection }: Local, model: string | undefined): void {
  const { gateway, apiKey, kubeconfig } = connection;
  const use = model
    ? `  curl -N ${gateway}/chat/completions \\
    -H "Authorization: Bearer ${apiKey}" -H "Content-Type: application/json" \\
    -d '{"model": "${model}", "stream": true, "messages": [{"role": "user", "content": "What is a fleet?"}]}'`
    : `  kubectl --kubeconfig ${kubeconfig} apply -f YOUR-MODEL.yaml`;
  console.log(`
Gateway   ${gateway}
API key   ${apiKey}

${use}

  kubectl --kubeconfig ${kubeconfig} get mdep -w

Press Ctrl-C to stop. Objects and models stay for the next start.`);
}

function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const full = 'code' in error && (error.code === 'ENOSPC' || error.code === 507); // 507: the API server could not keep a write
  return full || isDiskFull(error.cause);
}

/** `.ts` in a checkout, `.js` in the published package. */
function sourceExtension(): string {
  return import.meta.url.slice(import.meta.url.lastIndexOf('.'));
}
