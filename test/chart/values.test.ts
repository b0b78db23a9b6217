import { describe, expect, test } from 'vitest';
import type { HelmVersion } from '../fakes/helm.ts';
import { helm, helmRuns } from '../fakes/helm.ts';
import { chart } from './chart.ts';

/** Values that are wrong, with the words of which the message must have all. */
const wrong: readonly (readonly [values: string, ...words: readonly string[]])[] = [
  ['{ gatway: {} }', 'gatway'],
  ['{ controller: { replica: 2 } }', '/controller', 'replica'],
  ['{ controller: { image: { repo: a } } }', '/controller/image', 'repo'],
  ['{ gateway: { service: { prot: 80 } } }', '/gateway/service', 'prot'],
  ['{ metrics: { serviceMonitor: { enable: true } } }', '/metrics/serviceMonitor', 'enable'],
  ['{ worker: { images: { rocm: {} } } }', '/worker/images', 'rocm'],
  ['{ networkPolicy: { enabled: "yes" } }', '/networkPolicy/enabled', 'boolean'],
  ['{ controller: { replicas: two } }', '/controller/replicas', 'integer'],
  ['{ controller: { replicas: -1 } }', '/controller/replicas'],
  ['{ controller: { watchNamespace: My_Models } }', '/controller/watchNamespace'],
  ['{ controller: { gatewayUrl: gateway:80 } }', '/controller/gatewayUrl'],
  ['{ logLevel: verbose }', '/logLevel', 'debug'],
  ['{ image: { pullPolicy: Sometimes } }', '/image/pullPolicy', 'IfNotPresent'],
  ['{ image: { tag: "a b" } }', '/image/tag'],
  ['{ image: { registry: "https://registry.example.com" } }', '/image/registry'],
  ['{ gateway: { image: { digest: "sha256:abc" } } }', '/gateway/image/digest'],
  ['{ gateway: { image: { repository: "" } } }', '/gateway/image/repository'],
  ['{ imagePullSecrets: [registry] }', '/imagePullSecrets/0', 'object'],
  ['{ gateway: { drainTimeout: 300 } }', '/gateway/drainTimeout', 'string'],
  ['{ gateway: { drainTimeout: 1h30m } }', '/gateway/drainTimeout'],
  ['{ gateway: { maxBodyBytes: 16Mi } }', '/gateway/maxBodyBytes', 'integer'],
  ['{ gateway: { proxyProtocol: { from: [proxy.example.com] } } }', '/gateway/proxyProtocol/from/0'],
  ['{ gateway: { corsOrigins: ["https://chat.example.org/"] } }', '/gateway/corsOrigins/0'],
  ['{ gateway: { responseCache: { bytes: 64Mi } } }', '/gateway/responseCache/bytes', 'integer'],
  ['{ gateway: { responseCache: { store: disk } } }', '/gateway/responseCache/store', 'memory'],
  ['{ gateway: { redis: { url: "redis://:secret@redis" } } }', '/gateway/redis/url'],
  ['{ gateway: { usageLog: { output: stderr } } }', '/gateway/usageLog/output', 'stdout'],
  ['{ gateway: { admin: { port: 0 } } }', '/gateway/admin/port'],
  ['{ gateway: { service: { type: ExternalName } } }', '/gateway/service/type', 'LoadBalancer'],
  ['{ gateway: { service: { port: 70000 } } }', '/gateway/service/port'],
  ['{ gateway: { ingress: { hosts: [{ host: a, path: / }] } } }', '/gateway/ingress/hosts/0', 'path'],
  ['{ gateway: { ingress: { hosts: [{ host: a, paths: [{ path: /, pathType: prefix }] }] } } }', '/paths/0/pathType', 'Prefix'],
  ['{ gateway: { extraEnv: [{ nmae: A, value: b }] } }', '/gateway/extraEnv/0', 'nmae'],
  ['{ gateway: { extraEnv: [{ name: A, value: 1 }] } }', '/gateway/extraEnv/0/value', 'string'],
  ['{ gateway: { extraArgs: "--host=::" } }', '/gateway/extraArgs', 'array'],
  ['{ gateway: { podLabels: { scanned: true } } }', '/gateway/podLabels/scanned', 'string'],
  ['{ commonLabels: { team: "a b" } }', '/commonLabels/team'],
  ['{ gateway: { resources: { limit: { memory: 1Gi } } } }', '/gateway/resources', 'limit'],
  ['{ gateway: { resources: { limits: { memory: 1 GB } } } }', '/gateway/resources/limits/memory'],
  ['{ gateway: { securityContext: { runAsNonroot: true } } }', '/gateway/securityContext', 'runAsNonroot'],
  ['{ gateway: { tolerations: [{ key: a, operater: Exists }] } }', '/gateway/tolerations/0', 'operater'],
  ['{ gateway: { affinity: { podAffinityy: {} } } }', '/gateway/affinity', 'podAffinityy'],
  ['{ gateway: { strategy: { rollingUpdate: { maxSurge: half } } } }', '/gateway/strategy/rollingUpdate/maxSurge'],
  ['{ gateway: { podDisruptionBudget: { maxUnavailable: some } } }', '/gateway/podDisruptionBudget/maxUnavailable'],
  [
    '{ gateway: { topologySpreadConstraints: [{ topologyKey: a, maxSkew: 1 }] } }',
    '/gateway/topologySpreadConstraints/0',
    'whenUnsatisfiable',
  ],
  ['{ networkPolicy: { workerNamespaces: [a, a] } }', '/networkPolicy/workerNamespaces'],
  ['{ metrics: { podMonitor: { interval: 15 seconds } } }', '/metrics/podMonitor/interval'],
  // What a schema cannot say, the templates do.
  ['{ gateway: { tls: { enabled: true } } }', 'gateway.tls.secretName is needed'],
  ['{ gateway: { proxyProtocol: { enabled: true } } }', 'gateway.proxyProtocol.from is needed'],
  ['{ gateway: { redis: { url: "redis://redis", secretName: redis } } }', 'not both'],
  ['{ gateway: { responseCache: { store: redis } } }', 'gateway.responseCache.store redis needs gateway.redis.url'],
  ['{ gateway: { usageStream: { name: "modelfleet:usage" } } }', 'gateway.usageStream.name needs gateway.redis.url'],
  ['{ gateway: { admin: { enabled: true } } }', 'gateway.admin.tokenSecretName is needed'],
  ['{ gateway: { admin: { enabled: true, tokenSecretName: a, port: 9091 } } }', 'gateway.admin.port 9091 is taken'],
  ['{ gateway: { serviceAccount: { create: false } } }', 'gateway.serviceAccount.name is needed'],
  ['{ gateway: { stats: { enabled: false } } }', 'it needs gateway.stats.enabled'],
  ['{ metricsApi: { external: false, custom: true }, gateway: { stats: { enabled: false } } }', 'it needs gateway.stats.enabled'],
  ['{ gateway: { httpRoute: { enabled: true } } }', 'gateway.httpRoute.parentRefs needs a Gateway'],
  ['{ gateway: { ingress: { enabled: true, hosts: [] } } }', 'gateway.ingress.hosts needs a host'],
];

describe.skipIf(!helmRuns).each<HelmVersion>([4, 3])('helm %i (the packages carry a Linux x64 binary alone)', (version) => {
  test.for(wrong)('refuses %s', async ([values, ...words]) => {
    const { stdout, stderr, code } = await helm(undefined, ['template', 'a', chart, '--values', '-'], { version, stdin: values });
    expect(stdout).toBe('');
    expect(code).toBe(1);
    // Helm 3 writes where a value is with points.
    const told = stderr.replaceAll('.', '/');
    for (const word of words) expect(told).toContain(word.replaceAll('.', '/').replace(/^\//, ''));
  });
});
