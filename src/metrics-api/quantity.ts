/** A number as a Kubernetes quantity: whole, or in thousandths (`1500m`). Throws a RangeError for what is no finite number. */
export function formatQuantity(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no quantity`);
  if (Number.isInteger(value)) return String(BigInt(value));
  const thousandths = BigInt(Math.round(value * 1000));
  return thousandths % 1000n === 0n ? String(thousandths / 1000n) : `${thousandths}m`;
}
