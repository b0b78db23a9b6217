import { expect, test, vi } from 'vitest';
import { Sweep } from './sweep.ts';

test('asks all who have a limit ten times a second, and nobody once they have left', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  try {
    const sweep = new Sweep();
    const asked: number[] = [];
    const one = { slot: 0, check: (now: number) => void asked.push(now) };
    sweep.add(one);
    vi.advanceTimersByTime(300);
    expect(asked).toHaveLength(3);
    expect((asked[2] ?? 0) - (asked[0] ?? 0)).toBe(200);
    sweep.delete(one);
    vi.advanceTimersByTime(1_000);
    expect(asked).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
    sweep.add(one);
    vi.advanceTimersByTime(100);
    expect(asked).toHaveLength(4);
  } finally {
    vi.useRealTimers();
  }
});
