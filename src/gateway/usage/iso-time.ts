let second = Number.NaN;
let prefix = '';

/** An instant in milliseconds as ISO 8601 with milliseconds, as `toISOString` writes it; of all instants of a second only the first is computed. */
export function isoTime(ms: number): string {
  const own = Math.floor(ms / 1000);
  if (own !== second) {
    prefix = new Date(own * 1000).toISOString().slice(0, -4);
    second = own;
  }
  return `${prefix}${String(Math.floor(ms) - own * 1000).padStart(3, '0')}Z`;
}
