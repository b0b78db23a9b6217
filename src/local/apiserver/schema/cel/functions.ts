import { isIP } from 'node:net';
import { type Environment, Optional } from '@marcbachmann/cel-js';
import { isCidr, isRequestUri } from '../formats.ts';
import { goRegExp } from '../go-regexp.ts';
import { parseQuantity, quantityPattern } from '../quantity.ts';

/** A parsed quantity, in billionths. */
class Quantity {
  readonly nano: bigint;
  constructor(nano: bigint) {
    this.nano = nano;
  }
}

class Url {
  readonly parsed: URL;
  readonly absolute: boolean;
  constructor(text: string) {
    if (!isRequestUri(text))
      throw new RangeError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
    this.absolute = !text.startsWith('/');
    this.parsed = new URL(text, 'http://relative.invalid');
  }
}

type Overload = readonly [signature: string, handler: (...args: never[]) => unknown];

const unit = 1_000_000_000n;

function quantity(text: string): Quantity {
  const nano = parseQuantity(text);
  if (nano === undefined) throw new RangeError(`quantities must match the regular expression '${quantityPattern}'`);
  return new Quantity(nano);
}

function sign(value: bigint): bigint {
  return value < 0n ? -1n : value > 0n ? 1n : 0n;
}

function compare(a: unknown, b: unknown): number {
  const [left, right] = [a as number | bigint | string, b as number | bigint | string];
  return left < right ? -1 : left > right ? 1 : 0;
}

function extreme(list: readonly unknown[], wanted: -1 | 1, name: string): unknown {
  if (list.length === 0) throw new RangeError(`${name} called on empty list`);
  return list.reduce((best, each) => (Math.sign(compare(each, best)) === wanted ? each : best));
}

function characters(text: string): string[] {
  return Array.from(text);
}

/** Regular expressions of rules are RE2's. */
function find(text: string, pattern: string, limit: number): string[] {
  if (limit === 0) return [];
  const found = Array.from(text.matchAll(goRegExp(pattern, 'g')), ([match]) => match);
  return limit < 0 ? found : found.slice(0, limit);
}

function replace(text: string, from: string, to: string, limit: number): string {
  if (limit < 0) return text.replaceAll(from, () => to);
  let out = text;
  let at = 0;
  for (let count = 0; count < limit; count++) {
    const index = out.indexOf(from, at);
    if (index < 0) break;
    out = out.slice(0, index) + to + out.slice(index + from.length);
    at = index + to.length + (from === '' ? 1 : 0);
  }
  return out;
}

function equal(a: unknown, b: unknown): boolean {
  return a === b || (typeof a !== typeof b && Number(a) === Number(b));
}

/** Functions that Kubernetes adds to CEL (k8s.io/apiserver/pkg/cel/library) or takes from cel-go's string extension. */
const overloads: readonly Overload[] = [
  ['string.charAt(int): string', (text: string, index: bigint) => characters(text)[Number(index)] ?? ''],
  ['string.replace(string, string): string', (text: string, from: string, to: string) => replace(text, from, to, -1)],
  [
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, limit: bigint) => replace(text, from, to, Number(limit)),
  ],
  ['string.reverse(): string', (text: string) => characters(text).reverse().join('')],
  ['string.find(string): string', (text: string, pattern: string) => find(text, pattern, 1)[0] ?? ''],
  ['string.findAll(string): list<string>', (text: string, pattern: string) => find(text, pattern, -1)],
  ['string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) => find(text, pattern, Number(limit))],

  ['list<A>.isSorted(): bool', (list: unknown[]) => list.every((each, index) => index === 0 || compare(list[index - 1], each) <= 0)],
  ['list<A>.min(): A', (list: unknown[]) => extreme(list, -1, 'min')],
  ['list<A>.max(): A', (list: unknown[]) => extreme(list, 1, 'max')],
  ['list<int>.sum(): int', (list: bigint[]) => list.reduce((sum, each) => sum + each, 0n)],
  ['list<double>.sum(): double', (list: number[]) => list.reduce((sum, each) => sum + each, 0)],
  ['list<A>.indexOf(A): int', (list: unknown[], item: unknown) => BigInt(list.findIndex((each) => equal(each, item)))],
  ['list<A>.lastIndexOf(A): int', (list: unknown[], item: unknown) => BigInt(list.findLastIndex((each) => equal(each, item)))],

  ['isURL(string): bool', (text: string) => isRequestUri(text)],
  ['url(string): kubernetes.URL', (text: string) => new Url(text)],
  ['kubernetes.URL.getScheme(): string', (url: Url) => (url.absolute ? url.parsed.protocol.replace(/:$/, '') : '')],
  ['kubernetes.URL.getHost(): string', (url: Url) => (url.absolute ? url.parsed.host : '')],
  ['kubernetes.URL.getHostname(): string', (url: Url) => (url.absolute ? url.parsed.hostname.replace(/^\[|\]$/g, '') : '')],
  ['kubernetes.URL.getPort(): string', (url: Url) => (url.absolute ? url.parsed.port : '')],
  ['kubernetes.URL.getEscapedPath(): string', (url: Url) => url.parsed.pathname],
  [
    'kubernetes.URL.getQuery(): map<string, list<string>>',
    (url: Url) => new Map([...url.parsed.searchParams.keys()].map((key) => [key, url.parsed.searchParams.getAll(key)])),
  ],

  ['isIP(string): bool', (text: string) => isIP(text) !== 0],
  ['isCIDR(string): bool', (text: string) => isCidr(text)],

  ['isQuantity(string): bool', (text: string) => parseQuantity(text) !== undefined],
  ['quantity(string): kubernetes.Quantity', (text: string) => quantity(text)],
  ['kubernetes.Quantity.sign(): int', (value: Quantity) => sign(value.nano)],
  ['kubernetes.Quantity.isInteger(): bool', (value: Quantity) => value.nano % unit === 0n],
  [
    'kubernetes.Quantity.asInteger(): int',
    (value: Quantity) => {
      if (value.nano % unit !== 0n) throw new RangeError('cannot convert value to integer');
      return value.nano / unit;
    },
  ],
  ['kubernetes.Quantity.asApproximateFloat(): double', (value: Quantity) => Number(value.nano) / Number(unit)],
  ['kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nano + b.nano)],
  ['kubernetes.Quantity.add(int): kubernetes.Quantity', (a: Quantity, b: bigint) => new Quantity(a.nano + b * unit)],
  ['kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nano - b.nano)],
  ['kubernetes.Quantity.sub(int): kubernetes.Quantity', (a: Quantity, b: bigint) => new Quantity(a.nano - b * unit)],
  ['kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.nano < b.nano],
  ['kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool', (a: Quantity, b: Quantity) => a.nano > b.nano],
  ['kubernetes.Quantity.compareTo(kubernetes.Quantity): int', (a: Quantity, b: Quantity) => sign(a.nano - b.nano)],
];

/** Teaches an environment the functions of Kubernetes. */
export function registerFunctions(environment: Environment): void {
  environment.registerType('kubernetes.Quantity', Quantity);
  environment.registerType('kubernetes.URL', Url);
  environment.registerOperator('kubernetes.Quantity == kubernetes.Quantity', (a: Quantity, b: Quantity) => a.nano === b.nano);
  environment.registerOperator('kubernetes.URL == kubernetes.URL', (a: Url, b: Url) => a.parsed.href === b.parsed.href);
  for (const [signature, handler] of overloads) environment.registerFunction(signature, handler, { async: false });
}

/** The value of `oldSelf` in a rule with optionalOldSelf. */
export function optional(value: unknown): Optional {
  return value === undefined ? Optional.none() : Optional.of(value);
}
