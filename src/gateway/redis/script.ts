import { createHash } from 'node:crypto';

/** A script that Redis runs as one step; it keeps it under its hash. */
export type Script = { readonly lua: string; readonly sha: string };

/** The script of this text. */
export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
