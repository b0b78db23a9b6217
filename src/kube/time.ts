/** A `metav1.Time`: RFC 3339 in whole seconds, from milliseconds since the epoch. */
export function timestamp(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/** A `metav1.MicroTime`, which needs exactly six fraction digits (kubernetes#141204). */
export function microTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
