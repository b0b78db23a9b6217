import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type CallFrame = { readonly functionName: string; readonly url: string; readonly lineNumber: number };

/** What V8 leaves of `--cpu-prof`, as far as it is read here. Instants are microseconds of the machine's steady clock. */
export type CpuProfile = {
  readonly startTime: number;
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** Part of the busy time that was spent in a place itself, not in what it called. */
export type SelfTime = { readonly place: string; readonly share: number };

/** Where the time went from an instant on: by module, or `native` for what is not JavaScript; the most first. */
export function selfTimes(profile: CpuProfile, moduleOf: (frame: CallFrame) => string, since: number): SelfTime[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const micros = new Map<string, number>();
  let now = profile.startTime;
  let busy = 0;
  for (const [index, id] of profile.samples.entries()) {
    const spent = profile.timeDeltas[index] ?? 0;
    now += spent;
    const frame = frames.get(id);
    if (!frame || now < since || frame.functionName === '(idle)') continue;
    const place = moduleOf(frame);
    micros.set(place, (micros.get(place) ?? 0) + spent);
    busy += spent;
  }
  return [...micros].map(([place, spent]) => ({ place, share: spent / busy })).toSorted((a, b) => b.share - a.share);
}

/** Reads the profile that the gateway left in a folder, by the modules of its bundle. */
export async function readSelfTimes(folder: string, program: string, since: number): Promise<SelfTime[]> {
  const file = (await readdir(folder))
    .filter((name) => name.endsWith('.cpuprofile'))
    .toSorted()
    .at(-1);
  if (file === undefined) throw new Error(`the gateway left no profile in ${folder}`);
  const profile: CpuProfile = JSON.parse(await readFile(join(folder, file), 'utf8'));
  const bundle = dirname(program);
  const names = (await readdir(bundle)).filter((name) => name.endsWith('.mjs'));
  const modules = new Map(
    await Promise.all(names.map(async (name) => [name, moduleLines(await readFile(join(bundle, name), 'utf8'))] as const)),
  );
  return selfTimes(profile, (frame) => placeOf(frame, modules), since);
}

type ModuleLine = { readonly line: number; readonly module: string };

/** Where each module begins in a bundle: esbuild writes its path into a comment before it. A package is one module here. */
export function moduleLines(text: string): ModuleLine[] {
  return text.split('\n').flatMap((content, line) => {
    const path = /^\/\/ (\S+\/\S+\.[cm]?[jt]s)$/.exec(content)?.[1];
    if (path === undefined) return [];
    return [{ line, module: /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path }];
  });
}

function placeOf({ functionName, url, lineNumber }: CallFrame, modules: ReadonlyMap<string, readonly ModuleLine[]>): string {
  if (url.startsWith('node:')) return url;
  if (!url.startsWith('file:')) return functionName.startsWith('(') ? functionName : `native ${functionName}`;
  const lines = modules.get(fileURLToPath(url).split('/').at(-1) ?? '') ?? [];
  return lines.findLast(({ line }) => line <= lineNumber)?.module ?? 'bundle';
}
