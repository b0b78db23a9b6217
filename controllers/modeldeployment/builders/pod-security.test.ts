import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { type ModelDeploymentSpec, resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { shapeOnHost, shapes } from '../testing/shapes.fake.ts';
import { buildPod, podTemplate } from './pod.ts';

const restrictedVolumes = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'];

/** What the level `restricted` of the Pod Security Standards, as of Kubernetes 1.35, has against a Linux pod: its own controls and those of baseline. */
function violations(spec: PodSpec): string[] {
  const { securityContext: pod = {} } = spec;
  const all: readonly Container[] = [...(spec.initContainers ?? []), ...spec.containers];
  const found: [boolean, string][] = [
    [spec.hostNetwork === true || spec.hostPID === true || spec.hostIPC === true, 'host namespaces'],
    [spec.securityContext?.sysctls !== undefined, 'sysctls'],
    [spec.securityContext?.windowsOptions?.hostProcess === true, 'host process'],
    [pod.seLinuxOptions !== undefined, 'SELinux options'],
    [pod.runAsUser === 0, 'pod runs as root'],
    ...(spec.volumes ?? []).map((volume): [boolean, string] => [
      !Object.keys(volume).every((field) => field === 'name' || restrictedVolumes.includes(field)),
      `volume ${volume.name}`,
    ]),
    ...all.flatMap(({ name, securityContext: own = {}, ports = [], ...container }): [boolean, string][] => {
      const { capabilities = {} } = own;
      const hooks = [
        container.livenessProbe,
        container.readinessProbe,
        container.startupProbe,
        container.lifecycle?.preStop,
        container.lifecycle?.postStart,
      ];
      return [
        [own.privileged === true, `${name} is privileged`],
        [own.allowPrivilegeEscalation !== false, `${name} may escalate`],
        [(own.runAsNonRoot ?? pod.runAsNonRoot) !== true || own.runAsUser === 0, `${name} may run as root`],
        [
          !['RuntimeDefault', 'Localhost'].includes((own.seccompProfile ?? pod.seccompProfile)?.type ?? ''),
          `${name} has no seccomp profile`,
        ],
        [!capabilities.drop?.includes('ALL'), `${name} keeps capabilities`],
        [(capabilities.add ?? []).some((added) => added !== 'NET_BIND_SERVICE'), `${name} adds capabilities`],
        [(own.procMount ?? 'Default') !== 'Default', `${name} unmasks /proc`],
        [own.seLinuxOptions !== undefined, `${name} has SELinux options`],
        [ports.some(({ hostPort }) => hostPort), `${name} has host ports`],
        [hooks.some((hook) => hook?.httpGet?.host ?? hook?.tcpSocket?.host), `${name} probes a host`],
      ];
    }),
  ];
  return found.flatMap(([violated, what]) => (violated ? [what] : []));
}

function podSpec(spec: Partial<ModelDeploymentSpec>): PodSpec {
  const owner = deployment(spec);
  const defaults = { workerImage: 'worker', workerImagePullPolicy: 'IfNotPresent', workerImagePullSecrets: ['mirror'] } as const;
  const identity = { name: 'qwen-abcde', revision: 'v1', onOneNode: true };
  return buildPod(owner, podTemplate(owner, resolveSpec(owner), defaults), identity).spec ?? { containers: [] };
}

test.each(Object.entries(shapes))('a pod %s is admitted where restricted is enforced', (_, spec) => {
  expect(violations(podSpec(spec))).toEqual([]);
});

describe('that check finds', () => {
  const good = podSpec({});
  const [container] = good.containers;
  const changed = (securityContext: object) => ({ ...good, containers: [{ ...container, name: 'worker', securityContext }] });

  test('a path of the node', () => expect(violations(podSpec(shapeOnHost))).toEqual(['volume cache']));

  test.each<[string, PodSpec]>([
    ['pod runs as root', { ...good, securityContext: { ...good.securityContext, runAsUser: 0 } }],
    ['worker has no seccomp profile', { ...good, securityContext: { runAsNonRoot: true } }],
    ['worker may escalate', changed({ capabilities: { drop: ['ALL'] } })],
    ['worker keeps capabilities', changed({ allowPrivilegeEscalation: false })],
  ])('%s', (what, spec) => expect(violations(spec)).toEqual([what]));
});
