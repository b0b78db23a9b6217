import { homedir } from 'node:os';
import path from 'node:path';

/** Where pulled models are kept: `modelfleet/models` in the user's cache directory (XDG_CACHE_HOME, else ~/.cache). */
export function modelCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME && path.isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : path.join(homedir(), '.cache');
  return path.join(base, 'modelfleet', 'models');
}
