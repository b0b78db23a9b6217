import type { JsonValue } from '../../core/json.ts';

type Same = (one: JsonValue, other: JsonValue) => boolean;

/**
 * The order of a merged list: items that the patch names stand as they do there, the others as they did in the live list,
 * and of two that the live list had the earlier one comes first as far as that can be kept (strategicpatch.normalizeElementOrder).
 */
export function normalized(
  merged: readonly JsonValue[],
  patchOrder: readonly JsonValue[],
  liveOrder: readonly JsonValue[],
  same: Same,
): JsonValue[] {
  const place = (order: readonly JsonValue[], item: JsonValue) => order.findIndex((other) => same(item, other));
  const named = merged.filter((item) => place(patchOrder, item) >= 0).sort((a, b) => place(patchOrder, a) - place(patchOrder, b));
  const others = merged.filter((item) => place(patchOrder, item) < 0);
  const comesFirst = (other: JsonValue, one: JsonValue) => {
    const [left, right] = [place(liveOrder, other), place(liveOrder, one)];
    return left >= 0 && right >= 0 && left < right;
  };
  const result: JsonValue[] = [];
  let next = 0;
  for (const one of named) {
    for (let other = others[next]; other !== undefined && comesFirst(other, one); other = others[next]) {
      result.push(other);
      next += 1;
    }
    result.push(one);
  }
  return [...result, ...others.slice(next)];
}
