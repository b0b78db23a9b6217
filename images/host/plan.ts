import { InvalidArgumentError } from 'commander';
import type { Bases } from './bases.ts';

export const imageNames = ['controller', 'gateway', 'worker'];
export const variants = ['cpu', 'vulkan', 'cuda'];

/** One image to build; a variant where there is a choice. */
export type Build = { readonly name: string; readonly variant?: string; readonly image: string };

/** What a build gave: the size is of all layers, unpacked. */
export type Made = { readonly image: string; readonly bytes: number; readonly seconds: number };

/** The images that the flags ask for. */
export function plan(flags: { only: readonly string[]; variants: readonly string[]; tag: string }): Build[] {
  return imageNames
    .filter((name) => flags.only.includes(name))
    .flatMap((name) =>
      name === 'worker'
        ? flags.variants.map((variant) => ({ name, variant, image: `modelfleet/${name}:${flags.tag}-${variant}` }))
        : [{ name, image: `modelfleet/${name}:${flags.tag}` }],
    );
}

/** The arguments of `docker build`, but for the context. */
export function buildArguments(build: Build, bases: Bases, labels: { version: string; revision: string; created: string }): string[] {
  const values = {
    BASE: bases.base,
    BUILDER: bases.builder,
    VERSION: labels.version,
    REVISION: labels.revision,
    CREATED: labels.created,
    ...(build.variant === undefined ? {} : { VARIANT: build.variant }),
  };
  return [
    ...['--file', `images/${build.name}/Dockerfile`, '--tag', build.image],
    ...(bases.network === undefined ? [] : ['--network', bases.network]),
    ...Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
  ];
}

/** The images that a Dockerfile starts from unless it is told otherwise. */
export function defaultBases(dockerfile: string): { base: string; builder: string } {
  const defaultOf = (name: string) => {
    const value = new RegExp(`^ARG ${name}=(\\S+)$`, 'm').exec(dockerfile)?.[1];
    if (value === undefined) throw new Error(`The Dockerfile has no line ARG ${name}=…`);
    return value;
  };
  return { base: defaultOf('BASE'), builder: defaultOf('BUILDER') };
}

/** A commander parser of a list with commas, of known words. */
export function parts(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const words = text.split(',').map((word) => word.trim());
    const unknown = words.filter((word) => !known.includes(word));
    if (unknown.length > 0) throw new InvalidArgumentError(`Choose from ${known.join(', ')}.`);
    return words;
  };
}

/** A table of what was made, for people. */
export function table(made: readonly Made[]): string {
  const rows = made.map(({ image, bytes, seconds }) => [image, `${(bytes / 1e6).toFixed(0)} MB`, `${seconds.toFixed(1)} s`]);
  const all = [['IMAGE', 'SIZE', 'BUILT IN'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}
