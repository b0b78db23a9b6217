/** Whether a version of an object is this one or a later one. Versions of one resource are compared as whole numbers (KEP-5504); those that cannot be only equal. */
export function isAtLeastVersion(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || version === than) return version === than;
  return /^\d+$/.test(version) && /^\d+$/.test(than) && BigInt(version) >= BigInt(than);
}
