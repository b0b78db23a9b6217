/** A parsed label selector: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`, joined by commas. */
export type LabelSelector = {
  matches(labels: Labels): boolean;
  /** The one value that a label must have to be selected; undefined where several would do. */
  only(label: string): string | undefined;
};

type Labels = Readonly<Record<string, unknown>>;
type Requirement = { readonly name: string; readonly only?: string; readonly holds: (labels: Labels) => boolean };

const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** A text that is no label selector; the message says which part of it is not. */
export class LabelSelectorError extends Error {}

/** Parses a label selector; an empty one selects everything. Throws a LabelSelectorError. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = text.trim() === '' ? [] : splitOutsideParentheses(text).map((part) => parseRequirement(part.trim(), text));
  return {
    matches: (labels) => requirements.every(({ holds }) => holds(labels)),
    only: (label) => requirements.find(({ name, only }) => name === label && only !== undefined)?.only,
  };
}

function parseRequirement(part: string, whole: string): Requirement {
  const absent = /^!\s*(\S+)$/.exec(part);
  if (absent) return has(key(absent[1], whole), false);
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set) return among(key(set[1], whole), set[2] === 'in', new Set((set[3] ?? '').split(',').map((value) => labelValueOf(value, whole))));
  const comparison = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*(\S*)$/.exec(part);
  if (comparison) return compare(key(comparison[1], whole), comparison[2] ?? '', labelValueOf(comparison[3] ?? '', whole), whole);
  return has(key(part, whole), true);
}

function among(name: string, within: boolean, values: ReadonlySet<string>): Requirement {
  const [first] = values;
  return {
    name,
    ...(within && values.size === 1 && first !== undefined && { only: first }),
    holds: (labels) => (Object.hasOwn(labels, name) ? values.has(String(labels[name])) === within : !within),
  };
}

function compare(name: string, operator: string, value: string, whole: string): Requirement {
  switch (operator) {
    case '!=':
      return { name, holds: (labels) => labels[name] !== value };
    case '>':
    case '<': {
      const bound = Number(value);
      if (!Number.isInteger(bound) || value === '') throw unparsable(whole, `for '${operator}' operators, the value must be an integer`);
      const holds = (labels: Labels) => {
        const actual = Object.hasOwn(labels, name) && labels[name] !== '' ? Number(labels[name]) : Number.NaN;
        return operator === '>' ? actual > bound : actual < bound;
      };
      return { name, holds };
    }
    default:
      return { name, only: value, holds: (labels) => labels[name] === value };
  }
}

function has(name: string, expected: boolean): Requirement {
  return { name, holds: (labels) => Object.hasOwn(labels, name) === expected };
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
  return new LabelSelectorError(`unable to parse requirement: ${why} in the label selector ${JSON.stringify(whole)}`);
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}
