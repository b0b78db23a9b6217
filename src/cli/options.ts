import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../core/durations.ts';

/** A commander parser that tells what is wrong with a value in the words of the parser it wraps. */
export function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : String(error));
    }
  };
}

/** A commander parser for a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

export const positiveInteger = wholeNumber(1, Number.MAX_SAFE_INTEGER);
export const portNumber = wholeNumber(0, 65_535);

/** A commander parser for a duration such as `30s`; milliseconds. */
export const duration = checked(parseDuration);

/** A commander parser that gathers a repeated option. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
