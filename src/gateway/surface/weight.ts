const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const openBracket = 0x5b;

/** Texts are mostly short: so many bytes are looked at here before the rest is searched in native code. */
const nearby = 16;

/**
 * Whether JSON of these bytes has at most `most` objects, arrays and texts, names of fields included. Each costs its parser about a
 * microsecond and fifty bytes: without a bound the brackets of one large request would stop everybody else's for seconds.
 * What is no JSON is counted somehow.
 */
export function isLight(body: Buffer, most: number): boolean {
  if (body.length <= most) return true; // each takes a byte at least
  let count = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (byte !== quote && byte !== openBracket && byte !== openBrace) continue;
    count += 1;
    if (count > most) return false;
    if (byte === quote) at = endOfText(body, at);
  }
  return true;
}

/** Where the closing quote is of the text that opens at `at`; behind the end when there is none. */
function endOfText(body: Buffer, at: number): number {
  const near = Math.min(at + nearby, body.length);
  for (let next = at + 1; next < near; next += 1) {
    if (body[next] === backslash) next += 1;
    else if (body[next] === quote) return next;
  }
  for (let end = body.indexOf(quote, at + 1); end >= 0; end = body.indexOf(quote, end + 1)) {
    let escapes = 0;
    while (body[end - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return body.length;
}
