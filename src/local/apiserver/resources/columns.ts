import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { TableColumn } from '../resource.ts';
import { at } from './define.ts';

type Cell = TableColumn['cell'];

/** A column of text that is always shown. */
export function column(name: string, cell: Cell, description = ''): TableColumn {
  return { name, type: 'string', description, priority: 0, cell };
}

/** A column that `-o wide` alone shows. */
export function wide(name: string, cell: Cell, description = ''): TableColumn {
  return { ...column(name, cell, description), priority: 1 };
}

/** The text at a path of field names, or `absent`. */
export function textAt(path: readonly string[], absent = ''): Cell {
  return (object) => {
    const value = at(object, ...path);
    return typeof value === 'string' || typeof value === 'number' ? String(value) || absent : absent;
  };
}

/** How many entries the maps or lists at these paths have together. */
export function countAt(...paths: readonly (readonly string[])[]): Cell {
  return (object) =>
    paths.reduce((sum, path) => {
      const value = at(object, ...path);
      return sum + (Array.isArray(value) ? value.length : isJsonObject(value) ? Object.keys(value).length : 0);
    }, 0);
}

export const ageColumn: TableColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created.',
  priority: 0,
  cell: (object) => String(at(object, 'metadata', 'creationTimestamp') ?? ''),
};

/** The objects of the list at a path; empty when there is no list. */
export function objectsAt(object: JsonObject, ...path: readonly string[]): JsonObject[] {
  const value = at(object, ...path);
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
