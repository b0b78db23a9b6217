import { isJsonObject } from '../../src/core/json.ts';

/**
 * Whether what is stored says all that is wanted. What a server adds of its own does not matter; a field that is wanted to be null must
 * not be there. Lists are compared item by item.
 */
export function covers(stored: unknown, wanted: unknown): boolean {
  if (wanted === undefined || wanted === null) return stored === undefined || stored === null;
  if (Array.isArray(wanted))
    return Array.isArray(stored) && stored.length === wanted.length && wanted.every((item, index) => covers(stored[index], item));
  if (isJsonObject(wanted))
    return isJsonObject(stored) && Object.entries(wanted).every(([name, value]) => value === undefined || covers(stored[name], value));
  return stored === wanted;
}
