const suffixes: Readonly<Record<string, readonly [bigint, bigint]>> = {
  n: [1n, 1_000_000_000n],
  u: [1n, 1_000_000n],
  m: [1n, 1_000n],
  '': [1n, 1n],
  k: [1_000n, 1n],
  M: [1_000_000n, 1n],
  G: [1_000_000_000n, 1n],
  T: [10n ** 12n, 1n],
  P: [10n ** 15n, 1n],
  E: [10n ** 18n, 1n],
  Ki: [1024n, 1n],
  Mi: [1024n ** 2n, 1n],
  Gi: [1024n ** 3n, 1n],
  Ti: [1024n ** 4n, 1n],
  Pi: [1024n ** 5n, 1n],
  Ei: [1024n ** 6n, 1n],
};

const shape = /^([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)((?:[KMGTPE]i|[numkMGTPE])|[eE][+-]?[0-9]+|)$/;

/** The message with which apimachinery refuses a text that is no quantity. */
export const quantityPattern = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';

/** A Kubernetes quantity (`1500m`, `2Gi`, `1e3`) in billionths, which is the finest that quantities resolve; undefined when it is none. */
export function parseQuantity(text: string): bigint | undefined {
  const match = shape.exec(text);
  if (!match) return undefined;
  const [, sign, number = '', suffix = ''] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(suffix)?.[1];
  const power = exponent === undefined ? 0 : Number(exponent);
  // Beyond this no quantity can be represented (apimachinery caps at 2^63), and the power would eat memory.
  if (Math.abs(power) > 40) return undefined;
  const [up, down] =
    exponent === undefined ? (suffixes[suffix] ?? [1n, 1n]) : power < 0 ? [1n, 10n ** BigInt(-power)] : [10n ** BigInt(power), 1n];
  const numerator = BigInt(`${whole}${fraction}` || '0') * up * 1_000_000_000n;
  const denominator = 10n ** BigInt(fraction.length) * down;
  // Quantities round away from zero to the nearest billionth.
  const rounded = (numerator + denominator - 1n) / denominator;
  return sign === '-' ? -rounded : rounded;
}
