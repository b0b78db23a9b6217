import path from 'node:path';
import { z } from 'zod';

/** Container paths and where they really are: a local process has no mounts. */
export type PathMap = Readonly<Record<string, string>>;

const schema = z.record(z.string().startsWith('/'), z.string().startsWith('/'));

/** Reads `{"/models": "/real/dir"}`. Throws a RangeError that shows the text. */
export function parsePathMap(text: string): PathMap {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new RangeError(`${text} is not a path map such as {"/models": "/real/dir"}`, { cause: error });
  }
}

/** Where a container path really is: the longest mapped prefix of whole path segments is replaced. */
export function resolvePath(map: PathMap, containerPath: string): string {
  const normal = path.posix.normalize(containerPath);
  const prefix = Object.keys(map)
    .filter((mapped) => normal === mapped || normal.startsWith(mapped.endsWith('/') ? mapped : `${mapped}/`))
    .sort((a, b) => b.length - a.length)[0];
  const real = prefix === undefined ? undefined : map[prefix];
  return prefix === undefined || real === undefined ? normal : path.join(real, normal.slice(prefix.length));
}
