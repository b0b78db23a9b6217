import { expect, test } from 'vitest';
import { microTimestamp, timestamp } from './time.ts';

test('a Time has whole seconds, a MicroTime six fraction digits', () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  expect(timestamp(at)).toBe('2026-01-02T03:04:05Z');
  expect(microTimestamp(at)).toBe('2026-01-02T03:04:05.678000Z');
});
