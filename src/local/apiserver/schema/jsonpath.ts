import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'every' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly operator?: Operator; readonly value?: JsonValue };

type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** Reads values out of objects by a path; empty when the path leads nowhere. */
export type JsonPath = (object: JsonObject) => JsonValue[];

/** Parses the JSONPath of a printer column or scale subresource (the subset of k8s.io/client-go/util/jsonpath that those use). Throws a SyntaxError. */
export function parseJsonPath(text: string): JsonPath {
  const steps = parseSteps(text, text);
  return (object) => walk([object], steps);
}

function parseSteps(text: string, whole: string): Step[] {
  const steps: Step[] = [];
  let rest = text;
  while (rest !== '') {
    const field = /^\.((?:[^.[\]\\]|\\.)+)/.exec(rest);
    const bracket = /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+)|(\*))\]/.exec(rest);
    const filter = rest.startsWith('[?(') ? rest.indexOf(')]') : -1;
    if (field) {
      const name = (field[1] ?? '').replace(/\\(.)/g, '$1');
      steps.push(name === '*' ? { kind: 'every' } : { kind: 'field', name });
      rest = rest.slice(field[0].length);
    } else if (bracket) {
      const name = bracket[1] ?? bracket[2];
      if (name !== undefined) steps.push({ kind: 'field', name: name.replace(/\\(.)/g, '$1') });
      else steps.push(bracket[4] === '*' ? { kind: 'every' } : { kind: 'index', index: Number(bracket[3]) });
      rest = rest.slice(bracket[0].length);
    } else if (filter > 0) {
      steps.push(parseFilter(rest.slice(3, filter), whole));
      rest = rest.slice(filter + 2);
    } else {
      throw new SyntaxError(`${JSON.stringify(whole)} is not a JSONPath that columns may use: cannot read ${JSON.stringify(rest)}`);
    }
  }
  return steps;
}

function parseFilter(text: string, whole: string): Step {
  const match = /^\s*@((?:\.[^\s=!<>]+|\[[^\]]*\])*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/.exec(text);
  if (!match) throw new SyntaxError(`${JSON.stringify(whole)} has a filter that cannot be read: ${JSON.stringify(text)}`);
  const path = parseSteps(match[1] ?? '', whole);
  const literal = match[3];
  if (match[2] === undefined || literal === undefined) return { kind: 'filter', path };
  return { kind: 'filter', path, operator: match[2] as Operator, value: parseLiteral(literal) };
}

function parseLiteral(text: string): JsonValue {
  const quoted = /^'(.*)'$|^"(.*)"$/.exec(text);
  if (quoted) return quoted[1] ?? quoted[2] ?? '';
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function walk(start: readonly JsonValue[], steps: readonly Step[]): JsonValue[] {
  let values = [...start];
  for (const step of steps) values = values.flatMap((value) => take(value, step));
  return values;
}

function take(value: JsonValue, step: Step): JsonValue[] {
  switch (step.kind) {
    case 'field': {
      const child = isJsonObject(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
      return child === undefined ? [] : [child];
    }
    case 'index': {
      const child = Array.isArray(value) ? value.at(step.index) : undefined;
      return child === undefined ? [] : [child];
    }
    case 'every':
      return children(value);
    case 'filter':
      return children(value).filter((child) => matches(child, step));
  }
}

function children(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value) : [];
}

function matches(value: JsonValue, { path, operator, value: wanted }: Extract<Step, { kind: 'filter' }>): boolean {
  const found = walk([value], path)[0];
  if (found === undefined) return false;
  if (operator === undefined) return true;
  if (operator === '==') return found === wanted;
  if (operator === '!=') return found !== wanted;
  if (typeof found !== typeof wanted || wanted === undefined || wanted === null || found === null) return false;
  if (operator === '<') return found < wanted;
  if (operator === '<=') return found <= wanted;
  return operator === '>' ? found > wanted : found >= wanted;
}
