import type { MergeRule } from '../../../kube/index.ts';
import type { Structural } from './structural.ts';

const untyped: MergeRule = { kind: 'untyped' };
const scalar: MergeRule = { kind: 'scalar' };

/** How server-side apply merges values of a schema: lists are atomic unless `x-kubernetes-list-type` says otherwise. */
export function mergeRule(schema: Structural): MergeRule {
  if (schema.intOrString) return scalar;
  if (schema.type === 'array' || schema.items) return listRule(schema);
  const names = Object.keys(schema.properties);
  if (names.length > 0) {
    const fields: Record<string, MergeRule> = {};
    for (const [name, property] of Object.entries(schema.properties)) fields[name] = mergeRule(property);
    return { kind: 'struct', fields, ...(schema.preserveUnknown && { rest: untyped }), ...(schema.atomic && { atomic: true }) };
  }
  if (schema.additional) {
    return {
      kind: 'map',
      values: schema.additional === true ? untyped : mergeRule(schema.additional),
      ...(schema.atomic && { atomic: true }),
    };
  }
  if (schema.preserveUnknown || schema.type === undefined) return untyped;
  if (schema.type === 'object') return { kind: 'struct', fields: {}, ...(schema.atomic && { atomic: true }) };
  return scalar;
}

function listRule({ list, items }: Structural): MergeRule {
  const keys = list?.keys ?? [];
  const defaults = keys.flatMap((key) => {
    const value = items?.properties[key]?.default;
    return value === undefined ? [] : [[key, value] as const];
  });
  return {
    kind: 'list',
    type: list?.type ?? 'atomic',
    keys,
    ...(defaults.length > 0 && { keyDefaults: Object.fromEntries(defaults) }),
    items: items ? mergeRule(items) : untyped,
    ...(list?.replaced && { patch: 'replace' as const }),
  };
}
