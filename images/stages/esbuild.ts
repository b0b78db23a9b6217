import { build, type Metafile, type Plugin } from 'esbuild';

/** Their packages are installed beside the bundle. */
const external = ['node-llama-cpp'];

/**
 * Bundles programs; `entries` says which file (without extension) is made of which source.
 * With `splitting` what a program loads later is in files of its own, and is not compiled at every start.
 */
export async function bundle(
  entries: Readonly<Record<string, string>>,
  outdir: string,
  { splitting }: { readonly splitting: boolean },
): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: { ...entries },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    splitting,
    target: 'node24',
    external,
    metafile: true,
    // Names and lines of stack traces are worth more than the 20 ms that a smaller file saves; licences are shipped in a file of their own.
    minify: false,
    legalComments: 'none',
    // The only part of client-node that we use: the rest of it is 15 MB of generated clients, which would be parsed at every start.
    alias: { '@kubernetes/client-node': '@kubernetes/client-node/dist/config.js' },
    plugins: [unusedClients],
    // CommonJS packages require Node's own modules.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return metafile;
}

/** Says that client-node's index of generated clients does nothing when it is loaded, which lets esbuild drop what is not used of it. */
const unusedClients: Plugin = {
  name: 'unused-clients',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\.\/gen\/index\.js$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === 'resolving') return undefined;
      const { importer, namespace, resolveDir, kind } = from;
      const resolved = await resolve(path, { importer, namespace, resolveDir, kind, pluginData: 'resolving' });
      return { ...resolved, sideEffects: false };
    });
  },
};

/** Paths, such as `node_modules/zod`, of the packages that went into bundles. */
export function bundledPackages(metafile: Metafile): string[] {
  const used = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([input]) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]),
  );
  return [...new Set(used.filter((path) => path !== undefined))].toSorted();
}
