import type { Random } from '../../src/core/clock.ts';

const firstMs = 250;
const maxMs = 5_000;

/** How long to wait after so many failures in a row: 0.25 s doubling to 5 s, of which between half and all. */
export function pauseMs(failures: number, random: Random): number {
  const ceilingMs = Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1));
  return (ceilingMs / 2) * (1 + random());
}
