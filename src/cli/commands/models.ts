import path from 'node:path';
import { Command } from 'commander';
import { describeError, Failure } from '../../core/failure.ts';
import { formatBytes } from '../../core/sizes.ts';
import { modelCacheDir } from '../../worker/artifacts/pull/cache-dir.ts';
import { catalogue, findModel } from '../../worker/artifacts/pull/catalogue.ts';
import { isVerified, pullModel } from '../../worker/artifacts/pull/pull.ts';
import { ProgressView } from '../load-progress.ts';
import { pullShown } from '../pull-progress.ts';

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
  const view = new ProgressView(process.stderr);
  try {
    const { file } = findModel(name);
    const model = await pullModel(name, {
      signal: interrupted.signal,
      onProgress: (progress) => view.show(pullShown(file, progress)),
    });
    view.end();
    process.stderr.write(
      model.pulled ? `Pulled ${model.file} (${formatBytes(model.bytes)}), verified.\n` : `${model.file} is already there.\n`,
    );
    process.stdout.write(`${model.path}\n`);
    return 0;
  } catch (error) {
    view.end();
    process.stderr.write(`${describeError(error)}${error instanceof Failure ? ` ${error.remedy}` : ''}\n`);
    return 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
