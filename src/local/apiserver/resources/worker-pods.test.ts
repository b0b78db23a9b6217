import { expect, test } from 'vitest';
import { buildPod, podTemplate } from '../../../../controllers/modeldeployment/builders/pod.ts';
import { deployment } from '../../../../controllers/modeldeployment/testing/makers.fake.ts';
import { shapeOnHost, shapes } from '../../../../controllers/modeldeployment/testing/shapes.fake.ts';
import { resolveSpec } from '../../../api/model-deployment.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { pods } from './pods.ts';

test.each(Object.entries({ ...shapes, 'on-the-host': shapeOnHost }))(
  'the pod %s is taken field by field, as a cluster takes it',
  (_, spec) => {
    const owner = deployment(spec);
    const template = podTemplate(owner, resolveSpec(owner), { workerImage: 'worker' });
    const draft = buildPod(owner, template, { name: 'qwen-abcde', revision: 'v1', onOneNode: true });
    const object = sent({ apiVersion: 'v1', kind: 'Pod', ...draft });
    const { errors, object: admitted } = pods.admit({ operation: 'CREATE', object, fieldValidation: 'Strict' });
    expect(errors).toEqual([]);
    expect(admitted).toMatchObject(object);
  },
);

/** The object as it travels. */
function sent(object: object): JsonObject {
  const parsed: unknown = JSON.parse(JSON.stringify(object));
  if (!isJsonObject(parsed)) throw new Error('not an object');
  return parsed;
}
