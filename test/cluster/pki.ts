import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Access, writeKubeconfig } from './kubeconfig.ts';

type Pair = { readonly certificate: string; readonly key: string };
type Subject = {
  readonly commonName: string;
  readonly organization?: string;
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
};

export type PkiOptions = {
  readonly server: string;
  /** Addresses of the API server beside loopback. */
  readonly addresses: readonly string[];
  /** Where the kubelet is reached; none in a control plane alone. */
  readonly nodeAddress?: string;
};

const serverNames = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
const validity = () => ({ notBeforeDate: new Date(Date.now() - 3_600_000), notAfterDate: new Date(Date.now() + 365 * 86_400_000) });

/** Makes all authorities, certificates, keys and kubeconfigs of one cluster in a folder. Answers the administrator's access. */
export async function writePki(folder: string, options: PkiOptions): Promise<Access> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // A separate authority for the front proxy: with one for both, any client certificate could pose as another user.
  const [ca, frontCa] = await Promise.all([authority('modelfleet-test-ca'), authority('modelfleet-test-front-proxy-ca')]);
  const loopback = ['127.0.0.1', ...options.addresses];
  const users: Record<string, Subject> = {
    admin: { commonName: 'admin', organization: 'system:masters' },
    'controller-manager': { commonName: 'system:kube-controller-manager' },
    scheduler: { commonName: 'system:kube-scheduler' },
    proxy: { commonName: 'system:kube-proxy' },
    node: {
      commonName: 'system:node:node1',
      organization: 'system:nodes',
      names: ['node1'],
      addresses: options.nodeAddress ? [options.nodeAddress] : [],
    },
  };
  const issued = await Promise.all([
    issue('apiserver', ca, { commonName: 'kube-apiserver', names: serverNames, addresses: loopback }),
    issue('front-proxy', frontCa, { commonName: 'front-proxy-client' }),
    ...Object.entries(users).map(([name, subject]) => issue(name, ca, subject)),
  ]);
  const serviceAccounts = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const files: Record<string, string> = {
    'ca.crt': ca.certificate,
    'front-ca.crt': frontCa.certificate,
    'sa.pub': serviceAccounts.publicKey,
    'sa.key': serviceAccounts.privateKey,
  };
  let admin: Access | undefined;
  for (const { name, certificate, key } of issued) {
    Object.assign(files, { [`${name}.crt`]: certificate, [`${name}.key`]: key });
    if (!(name in users)) continue;
    const access = { server: options.server, user: name, caCertificate: ca.certificate, certificate, key };
    files[`${name}.kubeconfig`] = writeKubeconfig(access);
    if (name === 'admin') admin = access;
  }
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text, { mode: 0o600 })));
  if (!admin) throw new Error('no administrator among the users');
  return admin;
}

/** Loaded only when used: it takes longer than all else that a command of the cluster loads. */
const selfsigned = () => import('selfsigned');

async function authority(commonName: string): Promise<Pair> {
  const { generate } = await selfsigned();
  const made = await generate([{ name: 'commonName', value: commonName }], {
    ...validity(),
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

async function issue(name: string, ca: Pair, subject: Subject): Promise<Pair & { readonly name: string }> {
  const attributes = [
    ...(subject.organization ? [{ name: 'organizationName', value: subject.organization }] : []),
    { name: 'commonName', value: subject.commonName },
  ];
  const { generate } = await selfsigned();
  const made = await generate(attributes, {
    ...validity(),
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { cert: ca.certificate, key: ca.key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...(subject.names ?? [name]).map((value) => ({ type: 2, value }) as const),
          ...(subject.addresses ?? []).map((ip) => ({ type: 7, ip }) as const),
        ],
      },
    ],
  });
  return { name, certificate: made.cert, key: made.private };
}
