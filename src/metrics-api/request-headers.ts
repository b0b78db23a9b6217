import type { ProxyHeaders } from './trust.ts';
import type { User } from './user.ts';

/** Each header with every value that it was sent with: joined ones would let a group's name pose as two. */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>;

/** The user that the headers of a front proxy name; undefined when they name none. */
export function userOfHeaders(headers: DistinctHeaders, { user, uid, group, extraPrefixes }: ProxyHeaders): User | undefined {
  const name = firstOf(headers, user);
  if (name === undefined) return undefined;
  const id = firstOf(headers, uid);
  return {
    name,
    ...(id !== undefined && { uid: id }),
    groups: group.flatMap((header) => headers[header] ?? []),
    extra: extraOf(headers, extraPrefixes),
  };
}

function firstOf(headers: DistinctHeaders, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headers[name]?.[0];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

function extraOf(headers: DistinctHeaders, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra = new Map<string, readonly string[]>();
  for (const [header, values] of Object.entries(headers)) {
    for (const prefix of prefixes) {
      if (!header.startsWith(prefix) || values === undefined) continue;
      const key = unescaped(header.slice(prefix.length));
      extra.set(key, [...(extra.get(key) ?? []), ...values]);
    }
  }
  return Object.fromEntries(extra);
}

/** A key is percent-encoded where a header's name allows less; what is not well encoded is taken as it is, as the API server does. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
