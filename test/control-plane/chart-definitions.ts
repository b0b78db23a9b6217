import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

type Module = { readonly version: string; readonly folder: string; readonly files: RegExp };

/** Kinds of others that the chart renders: their definitions come with the Go modules that define them, and are kept in Go's module cache. */
const modules: readonly Module[] = [
  {
    version: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    folder: 'example/prometheus-operator-crd',
    files: /_(servicemonitors|podmonitors|prometheusrules)\.yaml$/,
  },
  { version: 'sigs.k8s.io/gateway-api@v1.4.1', folder: 'config/crd/standard', files: /_httproutes\.yaml$/ },
];

const run = promisify(execFile);

/** Files of the definitions of ServiceMonitor, PodMonitor, PrometheusRule and HTTPRoute; or why they cannot be had. */
export async function foreignDefinitions(): Promise<readonly string[] | { readonly missing: string }> {
  try {
    return (await Promise.all(modules.map(filesOf))).flat();
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

async function filesOf({ version, folder, files }: Module): Promise<readonly string[]> {
  // Outside of any module, and with the Go that is there.
  const options = { cwd: '/', env: { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '' }, timeout: 120_000 };
  const { stdout } = await run('go', ['mod', 'download', '-json', version], options);
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  const names = (await readdir(join(Dir, folder))).filter((name) => files.test(name));
  if (names.length === 0) throw new Error(`${version} has no such file in ${folder}`);
  return names.map((name) => join(Dir, folder, name));
}
