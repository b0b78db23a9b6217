import path from 'node:path';
import { Command } from 'commander';
import { describeError, Failure } from '../../core/failure.ts';
import { formatBytes } from '../../core/sizes.ts';
import { modelCacheDir } from '../../worker/artifacts/pull/cache-dir.ts';
import { catalogue, findModel } from '../../worker/artifacts/pull/catalogue.ts';
import { isVerified, type PullProgress, pullModel } from '../../worker/artifacts/pull/pull.ts';

/** `modelfleet models`: models for local use. */
export function modelsCommand(): Command {
  const models = new Command('models').description('models in the local cache');
  models
    .command('pull')
    .description('obtain a model, verified, into the local cache')
    .argument('<name>', catalogue.map((entry) => entry.name).join(', '))
    .action(async (name: string) => {
      process.exitCode = await pull(name);
    });
  models
    .command('list')
    .description('the models that can be pulled, and which are there')
    .action(async () => {
      for (const entry of catalogue) {
        const there = await isVerified(path.join(modelCacheDir(), entry.file), entry);
        process.stdout.write(
          `${entry.name}\t${there ? 'pulled' : 'not pulled'}\t${formatBytes(entry.bytes)}\t${entry.license}\t${entry.description}\n`,
        );
      }
    });
  models
    .command('path')
    .description('where the cache is, or where a model in it is')
    .argument('[name]')
    .action((name?: string) => {
      try {
        process.stdout.write(`${name === undefined ? modelCacheDir() : path.join(modelCacheDir(), findModel(name).file)}\n`);
      } catch (error) {
        process.stderr.write(`${describeError(error)}\n`);
        process.exitCode = 1;
      }
    });
  return models;
}

async function pull(name: string): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new Error('Interrupted; nothing was kept.'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const show = progressPrinter(process.stderr);
  try {
    const model = await pullModel(name, { signal: interrupted.signal, onProgress: show.progress });
    show.end();
    process.stderr.write(
      model.pulled ? `Pulled ${model.file} (${formatBytes(model.bytes)}), verified.\n` : `${model.file} is already there.\n`,
    );
    process.stdout.write(`${model.path}\n`);
    return 0;
  } catch (error) {
    show.end();
    process.stderr.write(`${describeError(error)}${error instanceof Failure ? ` ${error.remedy}` : ''}\n`);
    return 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/** A live bar on a terminal; elsewhere a line for every stage and every tenth of it. */
function progressPrinter(out: NodeJS.WriteStream): { progress(progress: PullProgress): void; end(): void } {
  let last = '';
  let open = false;
  return {
    progress: ({ stage, origin, bytesDone, bytesTotal }) => {
      const share = bytesDone !== null && bytesTotal ? bytesDone / bytesTotal : undefined;
      const title = stage === 'waiting' ? 'another pull is running, waiting' : [stage, origin].filter(Boolean).join(' ');
      const step = out.isTTY ? Math.floor((share ?? 0) * 200) : Math.floor((share ?? 0) * 10);
      const line = `${title} ${step}`;
      if (line === last) return;
      last = line;
      const sizes = share === undefined ? '' : ` ${Math.floor(share * 100)}% of ${formatBytes(bytesTotal ?? 0)}`;
      if (!out.isTTY) {
        out.write(`${title}${sizes}\n`);
        return;
      }
      const filled = Math.round((share ?? 0) * 24);
      out.write(`\r\x1b[K${share === undefined ? '' : `[${'#'.repeat(filled)}${'.'.repeat(24 - filled)}] `}${title}${sizes}`);
      open = true;
    },
    end: () => {
      if (open) out.write('\r\x1b[K');
      open = false;
    },
  };
}
