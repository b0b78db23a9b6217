import { makeBuilder } from './builder.ts';
import { madeBase, makeBase } from './debootstrap.ts';
import { hasImage, pull } from './docker.ts';
import type { RunOptions } from './run.ts';

/** The images that a build starts from, as build arguments, and the network in which its commands run. */
export type Bases = { readonly base: string; readonly builder: string; readonly network: string | undefined };

export type Wanted = {
  /** The base to use instead of the default one. */
  readonly base: string | undefined;
  readonly network: string | undefined;
  /** What the Dockerfiles name when nobody says otherwise. */
  readonly defaults: { readonly base: string; readonly builder: string };
};

/**
 * Finds the base images: the Dockerfiles' own where the engine has or can pull them.
 * Where no registry can be reached, debootstrap makes the base, and this Node with its npm the builder; both stay in the engine.
 * A certificate authority of the host (NODE_EXTRA_CA_CERTS) goes into the builder, and so into no image that is made with it.
 */
export async function findBases(wanted: Wanted, options: RunOptions, say: (line: string) => void): Promise<Bases> {
  const base = wanted.base ?? (await findBase(wanted.defaults.base, options, say));
  const published = wanted.defaults.builder;
  const pulled = (await hasImage(published, options)) || (base !== madeBase && (await pull(published, options)));
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const builder =
    pulled && certificates === undefined
      ? published
      : await makeBuilder({ from: pulled ? published : base, withNode: !pulled, certificates }, options, say);
  // Where there is no registry, the engine's own network seldom leads out either.
  return { base, builder, network: wanted.network ?? (pulled ? undefined : 'host') };
}

async function findBase(image: string, options: RunOptions, say: (line: string) => void): Promise<string> {
  if ((await hasImage(image, options)) || (await pull(image, options))) return image;
  if (!(await hasImage(madeBase, options))) {
    say(`${image} cannot be pulled: making ${madeBase} with debootstrap, once`);
    await makeBase(options);
  }
  return madeBase;
}
