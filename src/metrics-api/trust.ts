import { X509Certificate } from 'node:crypto';
import { describeError } from '../core/failure.ts';

/** Whose word counts about who a caller is: what the API server tells of itself in ConfigMap extension-apiserver-authentication. */
export type Trust = {
  /** Certificates of these name their owner. */
  readonly clientAuthorities: Authorities;
  /** Certificates of these, with one of `proxyNames`, speak for others by headers. */
  readonly proxyAuthorities: Authorities;
  /** Empty: every name. */
  readonly proxyNames: readonly string[];
  readonly headers: ProxyHeaders;
};

type Authorities = { readonly pem: string; readonly certificates: readonly X509Certificate[] };

/** Names of headers, lower case. */
export type ProxyHeaders = {
  readonly user: readonly string[];
  readonly uid: readonly string[];
  readonly group: readonly string[];
  readonly extraPrefixes: readonly string[];
};

/** Reads the data of the ConfigMap. Throws an error that names the entry that cannot be used. */
export function readTrust(data: Readonly<Record<string, string>>): Trust {
  return {
    clientAuthorities: authorities(data, 'client-ca-file'),
    proxyAuthorities: authorities(data, 'requestheader-client-ca-file'),
    proxyNames: names(data, 'requestheader-allowed-names'),
    headers: {
      user: headers(data, 'requestheader-username-headers'),
      uid: headers(data, 'requestheader-uid-headers'),
      group: headers(data, 'requestheader-group-headers'),
      extraPrefixes: headers(data, 'requestheader-extra-headers-prefix'),
    },
  };
}

function authorities(data: Readonly<Record<string, string>>, entry: string): Authorities {
  const pem = data[entry] ?? '';
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    return { pem: blocks.join('\n'), certificates: blocks.map((block) => new X509Certificate(block)) };
  } catch (cause) {
    throw unusable(entry, describeError(cause), cause);
  }
}

function names(data: Readonly<Record<string, string>>, entry: string): readonly string[] {
  const text = data[entry];
  if (text === undefined || text === '') return [];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw unusable(entry, 'it is no JSON', cause);
  }
  if (Array.isArray(list) && list.every((name) => typeof name === 'string')) return list;
  throw unusable(entry, 'it is no list of texts');
}

function headers(data: Readonly<Record<string, string>>, entry: string): readonly string[] {
  return names(data, entry).map((name) => name.toLowerCase());
}

function unusable(entry: string, why: string, cause?: unknown): Error {
  return new Error(`${entry} of ConfigMap kube-system/extension-apiserver-authentication cannot be used: ${why}`, { cause });
}
