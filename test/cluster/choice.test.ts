import { expect, test } from 'vitest';
import { chooseCluster, imageRoute } from './choice.ts';

test('takes our own node unless told otherwise', () => {
  expect(chooseCluster({})).toEqual({ kind: 'one-node' });
  expect(chooseCluster({ E2E_KUBECONFIG: '', E2E_CLUSTER: '' })).toEqual({ kind: 'one-node' });
});

test('takes a named cluster before anything else', () => {
  expect(chooseCluster({ E2E_KUBECONFIG: '/home/me/.kube/config', E2E_CLUSTER: 'k3s' })).toEqual({
    kind: 'external',
    kubeconfig: '/home/me/.kube/config',
  });
});

test('takes k3s in a container, of another image if one is named', () => {
  expect(chooseCluster({ E2E_CLUSTER: 'k3s' })).toEqual({ kind: 'k3s', image: expect.stringMatching(/^rancher\/k3s:v1\.35\./) });
  expect(chooseCluster({ E2E_CLUSTER: 'k3s', E2E_K3S_IMAGE: 'mirror/k3s:1' })).toEqual({ kind: 'k3s', image: 'mirror/k3s:1' });
});

test('says what the choices are when it is given another word', () => {
  expect(() => chooseCluster({ E2E_CLUSTER: 'kind' })).toThrow('E2E_CLUSTER is "kind"; it may be one-node or k3s');
});

test('knows from the context how images reach the nodes', () => {
  expect(imageRoute('kind-kind')).toEqual({ tool: 'kind', cluster: 'kind' });
  expect(imageRoute('kind-my-cluster')).toEqual({ tool: 'kind', cluster: 'my-cluster' });
  expect(imageRoute('k3d-dev')).toEqual({ tool: 'k3d', cluster: 'dev' });
  for (const other of ['production', 'my-kind-cluster', 'kind-', 'kindly', undefined])
    expect(imageRoute(other)).toEqual({ tool: 'registry' });
});
