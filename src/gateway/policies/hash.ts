/** FNV-1a over the text's UTF-16 units, mixed at the end as MurmurHash3 does: 32 bits, the same in every gateway. Not for secrets. */
export function hashText(text: string, seed = 0): number {
  let state = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return mix(state);
}

/** Spreads 32 bits: each of them changes half of the result. */
export function mix(value: number): number {
  let state = value ^ (value >>> 16);
  state = Math.imul(state, 0x85ebca6b);
  state ^= state >>> 13;
  state = Math.imul(state, 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
