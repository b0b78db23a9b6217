/** What an expression reads: metrics with the labels that it asks of each, and the labels it groups, joins or builds by. */
export type Reads = {
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  readonly labels: readonly string[];
};

const grouping = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
// Labels that label_join and label_replace are given are strings between commas.
const labelArgument = /,\s*"(\w+)"\s*(?=[,)])/g;
const selector = /(?<![\w.:])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\}|(?![\w:]|\s*\())/g;
const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);

/** Reads PromQL well enough for this project's own expressions: Prometheus is who parses them all. */
export function readsOf(expr: string): Reads {
  const labels = [...matches(expr, grouping).flatMap((list) => list.split(',')), ...matches(expr, labelArgument)];
  const bare = expr.replaceAll(grouping, ' ').replaceAll(/\[[^\]]*\]/g, ' ');
  const selectors = [...bare.replaceAll(/"[^"]*"/g, '""').matchAll(selector)]
    .map(([, metric = '', matchers = '']) => ({ metric, labels: matches(matchers, /(\w+)\s*(?:=~|!~|!=|=)/g) }))
    .filter(({ metric }) => !keywords.has(metric));
  return { selectors, labels: labels.map((label) => label.trim()).filter((label) => label !== '') };
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group = '']) => group);
}
