import { Failure } from '../../core/failure.ts';
import type { ArtifactFile } from './source.ts';

const split = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** The files of one GGUF model: a single file, or every part of a split one; the engine opens the first. Throws a Failure `UnsupportedModel`. */
export function selectModel(files: readonly ArtifactFile[]): readonly [ArtifactFile, ...ArtifactFile[]] {
  const models = files.filter((file) => file.name.endsWith('.gguf')).sort((a, b) => a.name.localeCompare(b.name));
  const [first, ...others] = models;
  if (!first) throw new Failure('UnsupportedModel', `The engine llama needs a .gguf file; the source has ${names(files)}.`);
  const [, stem, , count] = split.exec(first.name) ?? [];
  if (stem === undefined) {
    if (others.length === 0) return [first];
    throw new Failure('UnsupportedModel', `The source has several models (${names(models)}): choose one with spec.model.files.`);
  }
  const missing = Array.from(
    { length: Number(count) },
    (_, index) => `${stem}-${String(index + 1).padStart(5, '0')}-of-${count}.gguf`,
  ).filter((name) => !models.some((file) => file.name === name));
  if (missing.length > 0) throw new Failure('SourceNotFound', `Parts of the model are missing: ${missing.join(', ')}.`);
  if (models.length > Number(count))
    throw new Failure('UnsupportedModel', `The source has several models (${names(models)}): choose one with spec.model.files.`);
  return [first, ...others];
}

function names(files: readonly ArtifactFile[]): string {
  const shown = files
    .slice(0, 5)
    .map((file) => file.name)
    .join(', ');
  return files.length > 5 ? `${shown} and ${files.length - 5} more` : shown || 'no file';
}
