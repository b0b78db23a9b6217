import type { X509Certificate } from 'node:crypto';

/** The certificate that a caller showed, and those that he sent along. */
export type CertificateChain = { readonly leaf: X509Certificate; readonly others: readonly X509Certificate[] };

/** Longer chains than this nobody has. */
const maxIntermediates = 4;

/**
 * Whether an authority of the list vouches for a certificate, directly or by those sent along. TLS has found before that the
 * certificate is good for a client under any authority that we know; this tells under which.
 */
export function isIssuedBy(chain: CertificateChain, authorities: readonly X509Certificate[], now: number): boolean {
  return reaches(chain.leaf, chain.others, authorities, now, maxIntermediates);
}

function reaches(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
  left: number,
): boolean {
  if (!isValidAt(certificate, now)) return false;
  if (authorities.some((authority) => isValidAt(authority, now) && issued(authority, certificate))) return true;
  if (left === 0) return false;
  return others.some(
    (other) =>
      other.fingerprint256 !== certificate.fingerprint256 &&
      issued(other, certificate) &&
      reaches(other, others, authorities, now, left - 1),
  );
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}

/** Whose a certificate is. No name when it has none, or several: then nobody can be sure. */
type Owner = { readonly name: string | undefined; readonly organizations: readonly string[] };

/** A connection has one certificate for thousands of requests, and to read one costs as much as all else about a request. */
const owners = new WeakMap<X509Certificate, Owner>();

/** The common name and the organisations of a certificate's owner. */
export function ownerOf(certificate: X509Certificate): Owner {
  const known = owners.get(certificate);
  if (known) return known;
  const { subject } = certificate.toLegacyObject();
  const names = textsOf(subject.CN);
  const owner = { name: names.length === 1 ? names[0] : undefined, organizations: textsOf(subject.O) };
  owners.set(certificate, owner);
  return owner;
}

function textsOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
