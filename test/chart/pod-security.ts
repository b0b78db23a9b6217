import type { ChartContainer, podsOf } from './chart.ts';

type Pod = ReturnType<typeof podsOf>[number];

const volumeKinds = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'];

/** What the Pod Security level `restricted` (which includes `baseline`) would say against a pod; written from the standard, not from a library. */
export function podSecurityViolations(pod: Pod): readonly string[] {
  const containers = [...pod.containers, ...(pod.initContainers ?? [])];
  const checks: readonly (readonly [ok: boolean, what: string])[] = [
    [!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'shares a namespace of the host'],
    ...(pod.volumes ?? []).flatMap(({ name, ...source }) =>
      Object.keys(source).map((kind) => [volumeKinds.includes(kind), `volume ${name} is a ${kind}`] as const),
    ),
    ...containers.flatMap((container) => containerChecks(container, pod)),
  ];
  return checks.filter(([ok]) => !ok).map(([, what]) => what);
}

function containerChecks({ name, securityContext = {}, ports = [] }: ChartContainer, pod: Pod): readonly (readonly [boolean, string])[] {
  const seccomp = (securityContext.seccompProfile ?? pod.securityContext?.seccompProfile)?.type ?? '';
  return [
    [securityContext.privileged !== true, `${name} is privileged`],
    [securityContext.allowPrivilegeEscalation === false, `${name} may gain privileges`],
    [(securityContext.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) === true, `${name} may run as root`],
    [(securityContext.runAsUser ?? pod.securityContext?.runAsUser) !== 0, `${name} runs as root`],
    [['RuntimeDefault', 'Localhost'].includes(seccomp), `${name} has no seccomp profile`],
    [securityContext.capabilities?.drop?.includes('ALL') ?? false, `${name} keeps capabilities`],
    [(securityContext.capabilities?.add ?? []).every((capability) => capability === 'NET_BIND_SERVICE'), `${name} adds capabilities`],
    [ports.every(({ hostPort }) => hostPort === undefined), `${name} takes a port of the host`],
  ];
}
