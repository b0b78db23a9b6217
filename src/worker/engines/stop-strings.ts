export type StopResult = { readonly text: string; readonly stopped: boolean };

/**
 * Finds stop texts in a stream of pieces, also across their borders.
 * Text that could be the beginning of a stop text is held back until it is known not to be one, so no part of one ever leaks.
 */
export class StopMatcher {
  private readonly stops: readonly string[];
  private held = '';

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop !== '');
  }

  /** The text that is safe to send now, and whether a stop text was met: then the rest is dropped. */
  push(piece: string): StopResult {
    if (this.stops.length === 0) return { text: piece, stopped: false };
    const seen = this.held + piece;
    const at = this.earliestStop(seen);
    if (at !== undefined) {
      this.held = '';
      return { text: seen.slice(0, at), stopped: true };
    }
    const safe = seen.length - this.possibleBeginning(seen);
    this.held = seen.slice(safe);
    return { text: seen.slice(0, safe), stopped: false };
  }

  /** What was held back, when the stream has ended. */
  flush(): string {
    const rest = this.held;
    this.held = '';
    return rest;
  }

  private earliestStop(text: string): number | undefined {
    const found = this.stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    return found.length > 0 ? Math.min(...found) : undefined;
  }

  private possibleBeginning(text: string): number {
    let longest = 0;
    for (const stop of this.stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
