/** Whether a value has at most `levels` objects and arrays inside each other. JSON.stringify would overflow the stack on what has very many. */
export function isNestedWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  for (const item of Array.isArray(value) ? value : Object.values(value)) if (!isNestedWithin(item, levels - 1)) return false;
  return true;
}
