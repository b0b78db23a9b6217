import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { podMergeRule } from './pod-merge-rule.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';

const word = fc.constantFrom('a', 'b', 'c', 'd');
const optional = (fields: Readonly<Record<string, fc.Arbitrary<JsonValue>>>, required: readonly string[] = []) =>
  fc.record(fields, { requiredKeys: [...required] }) as fc.Arbitrary<JsonObject>;
const named = (fields: Readonly<Record<string, fc.Arbitrary<JsonValue>>>) =>
  fc.uniqueArray(optional({ name: word, ...fields }, ['name']), { maxLength: 4, selector: ({ name }) => name });
const env = named({ value: word });
const container = {
  image: word,
  args: fc.array(word, { maxLength: 2 }),
  env,
  securityContext: optional({ runAsUser: word, runAsGroup: word }),
};
const pod = optional({
  metadata: optional({ annotations: fc.dictionary(word, word), finalizers: fc.uniqueArray(word) }),
  spec: optional({ containers: named(container), volumes: named({ secret: optional({ secretName: word }) }), tolerations: named({}) }),
});

const merged = (object: JsonObject, patch: JsonObject) => applyStrategicMergePatch(object, patch, podMergeRule);
const containersOf = ({ spec }: JsonObject) =>
  (isJsonObject(spec) && Array.isArray(spec.containers) ? spec.containers : []).filter(isJsonObject);
const names = (object: JsonObject) => new Set(containersOf(object).map(({ name }) => name));

test('an object laid over itself, and an empty patch, change nothing', () => {
  fc.assert(
    fc.property(pod, (object) => {
      expect(merged(object, object)).toEqual(object);
      expect(merged(object, {})).toEqual(object);
    }),
  );
});

test('a patch laid over twice is a patch laid over once', () => {
  fc.assert(
    fc.property(pod, pod, (object, patch) => {
      const once = merged(object, patch);
      expect(merged(once, patch)).toEqual(once);
    }),
  );
});

test('every container of both is there once, and says what the patch says of it', () => {
  fc.assert(
    fc.property(pod, pod, (object, patch) => {
      const result = merged(object, patch);
      expect(names(result)).toEqual(names(object).union(names(patch)));
      expect(containersOf(result)).toHaveLength(names(result).size);
      for (const { name, image } of containersOf(patch)) {
        if (image !== undefined) expect(containersOf(result).find((one) => one.name === name)).toMatchObject({ image });
      }
    }),
  );
});

test('containers that the patch names stand in its order, the others in that of the object', () => {
  fc.assert(
    fc.property(pod, pod, (object, patch) => {
      const order = containersOf(merged(object, patch)).map(({ name }) => name);
      const inPatch = names(patch);
      expect(order.filter((name) => inPatch.has(name))).toEqual([...inPatch]);
      expect(order.filter((name) => !inPatch.has(name))).toEqual([...names(object).difference(inPatch)]);
    }),
  );
});
