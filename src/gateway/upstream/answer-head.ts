/** Names, in lower case, and values in turn, as they came. */
export type AnswerHeaders = readonly string[];

/** Where an answer's body ends (RFC 9112 section 6.3): nowhere because there is none, after so many bytes, by its last chunk, or with the connection. */
type Framing = { readonly kind: 'none' | 'chunked' | 'close' } | { readonly kind: 'length'; readonly length: number };

/** The head of an answer. */
export type AnswerHead = {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly framing: Framing;
  /** Whether the connection may be used again when the answer has ended. */
  readonly keepAlive: boolean;
};

/** The first header of this name. */
export function headerIn(headers: AnswerHeaders, name: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return headers[index + 1];
  return undefined;
}

/** What came is no answer in HTTP/1.1; the message says why not. */
export class BadAnswer extends Error {
  constructor(why: string) {
    super(`the answer is not valid HTTP/1.1: ${why}`);
    this.name = 'BadAnswer';
  }
}

const statusLine = /HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/y;
/** Folded lines, blanks before the colon and bare line ends have no match: each of them is read in two ways by somebody. */
const headerLine = /([!#$%&'*+\-.^_`|~\w]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const wholeNumber = /^\d{1,15}$/;
const trailingBlanks = /[\t ]+$/;

const noBody: Framing = { kind: 'none' };
const chunked: Framing = { kind: 'chunked' };
const untilClose: Framing = { kind: 'close' };

/** Reads a head, one character a byte, with the end of its last line but without the empty one. Throws a BadAnswer. */
export function parseHead(text: string): AnswerHead {
  statusLine.lastIndex = 0;
  const first = statusLine.exec(text);
  if (!first) throw new BadAnswer('its first line is no status line');
  const [, minor, digits] = first;
  const status = Number(digits);
  const headers = parseHeaders(text, statusLine.lastIndex);
  const framing = framingOf(status, headers);
  const stays = minor === '1' ? !says(headers, 'close') : says(headers, 'keep-alive');
  return { status, headers, framing, keepAlive: stays && framing.kind !== 'close' };
}

/** Whether a `connection` header has this option. */
function says(headers: AnswerHeaders, option: string): boolean {
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index] === 'connection' && headers[index + 1]?.toLowerCase().includes(option)) return true;
  return false;
}

function parseHeaders(text: string, from: number): AnswerHeaders {
  const headers: string[] = [];
  headerLine.lastIndex = from;
  while (headerLine.lastIndex < text.length) {
    const line = headerLine.exec(text);
    if (!line) throw new BadAnswer('a line of its head is no header');
    const [, written = '', padded = ''] = line;
    headers.push(written.toLowerCase(), padded.replace(trailingBlanks, ''));
  }
  return headers;
}

function framingOf(status: number, headers: AnswerHeaders): Framing {
  if (status < 200 || status === 204 || status === 304) return noBody;
  const coding = onlyOne(headers, 'transfer-encoding');
  const length = onlyOne(headers, 'content-length');
  if (coding !== undefined) {
    if (length !== undefined) throw new BadAnswer('it has both a length and a transfer coding');
    if (coding.toLowerCase() !== 'chunked') throw new BadAnswer('its transfer coding is not "chunked"');
    return chunked;
  }
  if (length === undefined) return untilClose;
  if (!wholeNumber.test(length)) throw new BadAnswer('its length is no number');
  return { kind: 'length', length: Number(length) };
}

/** Of two that say where a body ends each of two readers could believe another. */
function onlyOne(headers: AnswerHeaders, name: string): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] !== name) continue;
    if (found !== undefined) throw new BadAnswer(`it has more than one ${name}`);
    found = headers[index + 1];
  }
  return found;
}
