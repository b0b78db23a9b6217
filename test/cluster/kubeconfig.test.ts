import { KubeConfig } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { currentContext, readKubeconfig, writeKubeconfig } from './kubeconfig.ts';

const access = { server: 'https://10.99.0.1:6443', user: 'admin', caCertificate: 'CA\n', certificate: 'CERTIFICATE\n', key: 'KEY\n' };

test('writes what Kubernetes clients read', () => {
  const config = new KubeConfig();
  config.loadFromString(writeKubeconfig(access));

  expect(config.getCurrentCluster()).toMatchObject({ server: access.server, caData: Buffer.from('CA\n').toString('base64') });
  expect(config.getCurrentUser()).toMatchObject({ name: 'admin', keyData: Buffer.from('KEY\n').toString('base64') });
});

test('reads back what it wrote', () => {
  expect(readKubeconfig(writeKubeconfig(access))).toEqual(access);
});

test('says what a kubeconfig lacks', () => {
  expect(() => readKubeconfig('clusters: []')).toThrow('the kubeconfig has no clusters');
  expect(() => readKubeconfig('clusters: [{ cluster: {} }]\nusers: [{ user: {} }]')).toThrow('names no server');
});

test('finds the current context, in JSON too', () => {
  expect(currentContext('current-context: kind-dev')).toBe('kind-dev');
  expect(currentContext('{"current-context": "k3d-dev"}')).toBe('k3d-dev');
  expect(currentContext('current-context: ""')).toBeUndefined();
  expect(currentContext('contexts: []')).toBeUndefined();
});
