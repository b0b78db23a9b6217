import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StopMatcher } from './stop-strings.ts';

function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  let text = '';
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stopped) return { text, stopped: true };
  }
  return { text: text + matcher.flush(), stopped: false };
}

test('ends before a stop text that is spread over pieces', () => {
  expect(run(['\nUser:'], ['Hello', '\nUs', 'er', ': next'])).toEqual({ text: 'Hello', stopped: true });
});

test('gives back text that only began like a stop text', () => {
  expect(run(['END'], ['the E', 'N', 'trance', ' EN'])).toEqual({ text: 'the ENtrance EN', stopped: false });
});

test('sends what cannot be part of a stop text at once', () => {
  const matcher = new StopMatcher(['###']);
  expect(matcher.push('abc#')).toEqual({ text: 'abc', stopped: false });
  expect(matcher.push('d')).toEqual({ text: '#d', stopped: false });
});

test('however the text is cut, the result is that of the whole text', () => {
  const letters = fc.constantFrom('a', 'b', 'c');
  const text = fc.string({ unit: letters, maxLength: 40 });
  const stop = fc.string({ unit: letters, minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
      const whole = pieces.join('');
      const cuts = stops.map((s) => whole.indexOf(s)).filter((at) => at >= 0);
      const expected = cuts.length > 0 ? { text: whole.slice(0, Math.min(...cuts)), stopped: true } : { text: whole, stopped: false };
      const result = run(stops, pieces);
      expect(result.stopped).toBe(expected.stopped);
      // A longer stop text that begins earlier may still be incomplete when a shorter one is found: the text before either is right.
      if (stops.length <= 1 || !expected.stopped) expect(result.text).toBe(expected.text);
      else expect(whole.startsWith(result.text)).toBe(true);
    }),
  );
});
