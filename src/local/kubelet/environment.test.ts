import type { Container, EnvVar, Pod } from 'kubernetes-types/core/v1.d.ts';
import { expect, test } from 'vitest';
import { ContainerConfigError, containerEnvironment, expand } from './environment.ts';

const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u-1', labels: { 'app.kubernetes.io/name': 'worker' } },
  spec: { nodeName: 'local', containers: [] },
};

function environment(container: Partial<Container>, inherited: Record<string, string> = {}) {
  return containerEnvironment({
    pod,
    container: { name: 'c', ...container },
    podIP: '127.0.0.1',
    ports: { http: 4001, 'mgmt-port': 4002, 8000: 4003 },
    pathMap: { '/models': '/real' },
    references: {
      secret: async (namespace, name) => (namespace === 'ns' && name === 'token' ? { key: 's3cret' } : undefined),
      configMap: async (_, name) => (name === 'settings' ? { colour: 'blue' } : undefined),
    },
    signal: new AbortController().signal,
    inherited,
  });
}

const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

test('tells a container where it is, where its ports are, and how to see its parent end', async () => {
  expect(await environment({})).toEqual({
    HOSTNAME: 'p',
    MODELFLEET_HOST: '127.0.0.1',
    MODELFLEET_PORT_HTTP: '4001',
    MODELFLEET_PORT_MGMT_PORT: '4002',
    MODELFLEET_PORT_8000: '4003',
    MODELFLEET_PATH_MAP: '{"/models":"/real"}',
    MODELFLEET_PARENT_FD: '3',
  });
});

test('passes on what the machine needs and none of the keys of the user', async () => {
  const inherited = { PATH: '/bin', HTTPS_PROXY: 'http://proxy', HF_TOKEN: 'x', AWS_SECRET_ACCESS_KEY: 'x', NODE_OPTIONS: '--inspect' };
  expect(await environment({}, inherited)).toMatchObject({ PATH: '/bin', HTTPS_PROXY: 'http://proxy' });
  expect(Object.keys(await environment({}, inherited))).not.toEqual(expect.arrayContaining(['HF_TOKEN']));
  expect(Object.keys(await environment({}, inherited))).not.toEqual(expect.arrayContaining(['NODE_OPTIONS']));
});

test('reads fields, secrets and config maps', async () => {
  const env: EnvVar[] = [
    field('NAME', 'metadata.name'),
    field('UID', 'metadata.uid'),
    field('NODE', 'spec.nodeName'),
    field('IP', 'status.podIP'),
    field('LABEL', "metadata.labels['app.kubernetes.io/name']"),
    { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'token', key: 'key' } } },
    { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
    { name: 'ABSENT', valueFrom: { secretKeyRef: { name: 'none', key: 'key', optional: true } } },
  ];
  const found = await environment({ env });
  expect(found).toMatchObject({ NAME: 'p', UID: 'u-1', NODE: 'local', IP: '127.0.0.1', LABEL: 'worker', TOKEN: 's3cret', COLOUR: 'blue' });
  expect(found).not.toHaveProperty('ABSENT');
});

test('lets env win over envFrom and refer to what came before', async () => {
  const found = await environment({
    envFrom: [{ configMapRef: { name: 'settings' }, prefix: 'my_' }],
    env: [
      { name: 'A', value: '$(my_colour)' },
      { name: 'B', value: '$(A)-$(C)-$$(A)' },
      { name: 'C', value: 'late' },
      { name: 'my_colour', value: 'red' },
    ],
  });
  expect(found).toMatchObject({ A: 'blue', B: 'blue-$(C)-$(A)', my_colour: 'red' });
});

test.each<[string, Partial<Container>, string]>([
  ['secret', { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'none', key: 'k' } } }] }, 'secret "none" not found'],
  ['key', { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'token', key: 'k' } } }] }, "couldn't find key k in Secret ns/token"],
  ['config map', { envFrom: [{ configMapRef: { name: 'none' } }] }, 'configmap "none" not found'],
  ['field', { env: [field('X', 'spec.hostname')] }, 'spec.hostname'],
])('says which %s is missing', async (_, container, message) => {
  const failure = environment(container);
  await expect(failure).rejects.toThrow(ContainerConfigError);
  await expect(failure).rejects.toThrow(message);
});

test.each([
  ['$(A) $(B)', '1 $(B)'],
  ['$$(A) $$ $', '$(A) $ $'],
  ['$(A', '$(A'],
  ['$()', '$()'],
  ['$$$(A)', '$1'],
])('expands %j to %j', (text, expected) => {
  expect(expand(text, { A: '1' })).toBe(expected);
});
