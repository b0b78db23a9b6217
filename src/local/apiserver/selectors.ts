import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { type LabelSelector, LabelSelectorError, parseLabelSelector as parse } from '../../core/label-selector.ts';
import { metadataOf, valueAt } from './object.ts';
import { statuses } from './status.ts';

/** Whether an object is selected. */
export type Selector = (object: JsonObject) => boolean;

const everything: Selector = () => true;

/** Parses a label selector; an empty one selects everything. Throws a 400 Status. */
export function parseLabelSelector(text: string | null): Selector {
  if (text === null || text.trim() === '') return everything;
  const selector = parsed(text);
  return (object) => {
    const { labels } = metadataOf(object);
    return selector.matches(isJsonObject(labels) ? labels : {});
  };
}

function parsed(text: string): LabelSelector {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof LabelSelectorError) throw statuses.badRequest(error.message, error);
    throw error;
  }
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
