import { createHash, type Hash } from 'node:crypto';

/** What tells a request's answer from others. */
export type CacheSubject = {
  readonly tenant: string;
  /** `namespace/name` of the deployment. */
  readonly model: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What the deployment adds to the request. */
  readonly changes: unknown;
};

/** Fields that name the caller's user and change nothing of an answer. */
const idle = new Set(['user', 'safety_identifier', 'prompt_cache_key']);

/** Nothing that a model is asked is nested deeper. */
const maxDepth = 64;

/** The key of a request in the cache: the same for bodies that mean the same. Undefined for one that is nested too deep to be looked at. */
export function cacheKey({ tenant, model, path, fields, changes }: CacheSubject): string | undefined {
  const hash = createHash('sha256');
  const told = Object.fromEntries(Object.entries(fields).filter(([name]) => !idle.has(name)));
  return feed(hash, [tenant, model, path, told, changes], 0) ? hash.digest('base64') : undefined;
}

/** Fields in the order of their names (RFC 8785 section 3.2.3), values as JSON has them; false when it is too deep. */
function feed(hash: Hash, value: unknown, depth: number): boolean {
  if (depth > maxDepth) return false;
  if (Array.isArray(value)) {
    hash.update('[');
    for (const item of value) {
      if (!feed(hash, item, depth + 1)) return false;
      hash.update(',');
    }
    hash.update(']');
  } else if (typeof value === 'object' && value !== null) {
    hash.update('{');
    for (const [name, item] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${JSON.stringify(name)}:`);
      if (!feed(hash, item, depth + 1)) return false;
      hash.update(',');
    }
    hash.update('}');
  } else hash.update(JSON.stringify(value) ?? 'null');
  return true;
}

/** Header by which a caller takes (`on`) or refuses (`off`) an answer that was given before; in answers `hit` or `miss`. */
export const cacheHeader = 'x-modelfleet-cache';

/** What decides whether an answer may be given again. */
type Wish = { readonly header: string | undefined; readonly path: string; readonly temperature: unknown };

/** Whether the answer may be one that was given before: it would be the same again, or the caller does not mind. */
export function mayReuse({ header, path, temperature }: Wish): boolean {
  if (header === 'off') return false;
  return header === 'on' || temperature === 0 || path === '/v1/embeddings';
}
