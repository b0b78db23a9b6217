const key = Buffer.from('"managedFields":[');

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;

/**
 * The text of a JSON document of a Kubernetes API server without any `managedFields`. They are about half of an object, made of hundreds
 * of small ones: to find their ends costs a tenth of parsing them, and no cache keeps them. A document that is cut off stays as it is.
 */
export function withoutManagedFields(json: Buffer): string {
  const kept: string[] = [];
  let from = 0;
  for (let at = json.indexOf(key); at >= 0; at = json.indexOf(key, from)) {
    const end = endOfArray(json, at + key.length);
    if (end < 0) break;
    // One of the commas beside it goes too.
    const afterComma = json[at - 1] === comma;
    kept.push(json.toString('utf8', from, afterComma ? at - 1 : at));
    from = !afterComma && json[end] === comma ? end + 1 : end;
  }
  kept.push(json.toString('utf8', from));
  return kept.join('');
}

/** Where the array ends whose first element begins at `from`; negative when it does not. */
function endOfArray(json: Buffer, from: number): number {
  let depth = 1;
  for (let at = from; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === quote) at = endOfText(json, at + 1);
    else if (byte === openBracket) depth += 1;
    else if (byte === closeBracket) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return -1;
}

/** Where the quote is that ends a text. */
function endOfText(json: Buffer, from: number): number {
  let at = from;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at;
}
