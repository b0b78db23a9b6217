/** What the path of a resource request names. */
export type ResourcePath = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
};

/**
 * Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined for every other path.
 * `namespaces/NAME` names a Namespace, `namespaces/NAME/pods` what is in it.
 */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = decode(path);
  if (!parts) return undefined;
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const [group, version, rest] = core ? ['', parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)];
  if (group === undefined || version === undefined || rest.length === 0 || rest.length > 5) return undefined;
  if (rest[0] === 'namespaces' && rest.length >= 3 && !namespaceSubresources.has(rest[2] ?? '')) {
    const [, namespace, plural = '', ...tail] = rest;
    return tail.length > 2 ? undefined : { group, version, plural, ...(namespace ? { namespace } : {}), ...named(tail) };
  }
  const [plural = '', ...tail] = rest;
  return tail.length > 2 ? undefined : { group, version, plural, ...named(tail) };
}

const namespaceSubresources = new Set(['status', 'finalize']);

function named([name, subresource]: readonly string[]): Pick<ResourcePath, 'name' | 'subresource'> {
  return { ...(name === undefined ? {} : { name }), ...(subresource === undefined ? {} : { subresource }) };
}

function decode(path: string): string[] | undefined {
  try {
    const parts = path.replace(/^\//, '').replace(/\/$/, '').split('/').map(decodeURIComponent);
    return parts.some((part) => part === '') ? undefined : parts;
  } catch {
    // A malformed percent escape names nothing.
    return undefined;
  }
}
