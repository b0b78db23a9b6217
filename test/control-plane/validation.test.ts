import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { validationExamples } from '../../src/api/testing/validation-examples.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { kubectl } from '../fakes/kubectl.ts';

const kubeconfig = inject('kubeconfig');
const crds = join(import.meta.dirname, '../../crds');

describe.skipIf(kubeconfig === '')('a real API server', () => {
  beforeAll(async () => {
    expect(await kubectl(kubeconfig, ['apply', '--server-side', '-f', crds])).toMatchObject({ code: 0, stderr: '' });
    const established = ['wait', '--for=condition=Established', '--timeout=30s', '-f', crds];
    expect(await kubectl(kubeconfig, established)).toMatchObject({ code: 0 });
  });

  test('has enough examples to judge', () => {
    expect(validationExamples.length * 2).toBeGreaterThanOrEqual(60);
  });

  describe.concurrent.each(validationExamples)('$what', ({ accepted, refused, before, field, message }) => {
    /** Creates the object, or changes the one that is stored, and leaves nothing. */
    const tried = async (object: JsonObject, name: string) => {
      if (!before) return await dryRun('create', object);
      const renamed = named(before, name);
      expect(await kubectl(kubeconfig, ['create', '-f', '-'], { stdin: JSON.stringify(renamed) })).toMatchObject({ code: 0 });
      return await dryRun('replace', named(object, name));
    };

    test('is accepted where it is right', async ({ expect, task }) => {
      expect(await tried(accepted, `accepted-${task.id.replaceAll('_', '-').replace(/^-+/, '')}`)).toMatchObject({ code: 0 });
    });

    test('is refused where it is wrong, with the field and the rule', async ({ expect, task }) => {
      const { code, stderr } = await tried(refused, `refused-${task.id.replaceAll('_', '-').replace(/^-+/, '')}`);
      expect(code).not.toBe(0);
      expect(stderr).toContain(field);
      if (message !== undefined) expect(stderr).toContain(message);
    });
  });
});

async function dryRun(verb: 'create' | 'replace', object: JsonObject) {
  return await kubectl(kubeconfig, [verb, '--dry-run=server', '--validate=strict', '-f', '-'], { stdin: JSON.stringify(object) });
}

function named(object: JsonObject, name: string): JsonObject {
  return { ...object, metadata: { ...(object.metadata as JsonObject), name } };
}
