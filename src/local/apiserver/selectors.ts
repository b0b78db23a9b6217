import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { metadataOf, valueAt } from './object.ts';
import { statuses } from './status.ts';

/** Whether an object is selected. */
export type Selector = (object: JsonObject) => boolean;

const everything: Selector = () => true;
const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Parses a label selector: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`, joined by commas. Throws a 400 Status. */
export function parseLabelSelector(text: string | null): Selector {
  if (text === null || text.trim() === '') return everything;
  const requirements = splitOutsideParentheses(text).map((part) => parseRequirement(part.trim(), text));
  return (object) => {
    const labels = metadataOf(object).labels;
    return requirements.every((matches) => matches(isJsonObject(labels) ? labels : {}));
  };
}

type Requirement = (labels: JsonObject) => boolean;

function parseRequirement(part: string, whole: string): Requirement {
  const absent = /^!\s*(\S+)$/.exec(part);
  if (absent) return has(key(absent[1], whole), false);
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set) {
    const name = key(set[1], whole);
    const values = new Set((set[3] ?? '').split(',').map((value) => labelValueOf(value, whole)));
    const within = set[2] === 'in';
    return (labels) => (Object.hasOwn(labels, name) ? values.has(String(labels[name])) === within : !within);
  }
  const comparison = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*(\S*)$/.exec(part);
  if (comparison) return compare(key(comparison[1], whole), comparison[2] ?? '', labelValueOf(comparison[3] ?? '', whole), whole);
  return has(key(part, whole), true);
}

function compare(name: string, operator: string, value: string, whole: string): Requirement {
  switch (operator) {
    case '!=':
      return (labels) => labels[name] !== value;
    case '>':
    case '<': {
      const bound = Number(value);
      if (!Number.isInteger(bound) || value === '') throw unparsable(whole, `for '${operator}' operators, the value must be an integer`);
      return (labels) => {
        const actual = Object.hasOwn(labels, name) && labels[name] !== '' ? Number(labels[name]) : Number.NaN;
        return operator === '>' ? actual > bound : actual < bound;
      };
    }
    default:
      return (labels) => labels[name] === value;
  }
}

function has(name: string, expected: boolean): Requirement {
  return (labels) => Object.hasOwn(labels, name) === expected;
}

function key(text: string | undefined, whole: string): string {
  if (text === undefined || !labelKey.test(text)) throw unparsable(whole, `${JSON.stringify(text ?? '')} is not a label key`);
  return text;
}

function labelValueOf(text: string, whole: string): string {
  const value = text.trim();
  if (!labelValue.test(value)) throw unparsable(whole, `${JSON.stringify(value)} is not a label value`);
  return value;
}

function unparsable(whole: string, why: string): Error {
  return statuses.badRequest(`unable to parse requirement: ${why} in the label selector ${JSON.stringify(whole)}`);
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}

/**
 * Parses a field selector: `a.b=c`, `a.b==c`, `a.b!=c`, joined by commas; `\` escapes a comma, an equals sign and itself.
 * Only metadata.name, metadata.namespace and `selectable` fields may be named; others are a 400 Status.
 */
export function parseFieldSelector(text: string | null, selectable: readonly string[]): Selector {
  if (text === null || text.trim() === '') return everything;
  const allowed = new Set(['metadata.name', 'metadata.namespace', ...selectable]);
  const terms = text.split(/(?<!\\)(?:\\\\)*,/).map((part) => {
    const match = /^\s*([^=!]+?)\s*(==|=|!=)(.*)$/s.exec(part);
    if (!match) throw statuses.badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, path = '', operator, value = ''] = match;
    if (!allowed.has(path)) throw statuses.badRequest(`field label not supported: ${path}`);
    return { path, equal: operator !== '!=', value: value.replace(/\\([\\,=])/g, '$1') };
  });
  return (object) => terms.every(({ path, equal, value }) => (fieldText(object, path) === value) === equal);
}

function fieldText(object: JsonObject, path: string): string {
  const value = valueAt(object, path);
  return value === undefined || value === null ? '' : String(value);
}
