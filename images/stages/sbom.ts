/** Something that an image contains, in the words of CycloneDX 1.6. */
export type Component = {
  readonly type: 'library' | 'application' | 'container';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly licenses?: readonly ({ readonly expression: string } | { readonly license: { readonly name: string } })[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
};

export type NpmPackage = { readonly name: string; readonly version: string; readonly license?: string; readonly integrity?: string };

/** The CycloneDX document of an image. The same content gives the same document: it carries no time and no serial number. */
export function sbom(image: { name: string; version: string; license: string }, components: readonly Component[]): object {
  const unique = new Map(components.map((component) => [component['bom-ref'], component]));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'container',
        'bom-ref': image.name,
        name: image.name,
        version: image.version,
        licenses: licenses(image.license),
      } satisfies Component,
    },
    components: [...unique.values()].toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1)),
  };
}

/** The program that runs everything else. */
export function nodeComponent(version: string): Component {
  const purl = `pkg:generic/node@${version}`;
  return { type: 'application', 'bom-ref': purl, name: 'node', version, purl, licenses: licenses('MIT') };
}

export function npmComponent({ name, version, license, integrity }: NpmPackage): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [algorithm, digest] = integrity?.split('-') ?? [];
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: licenses(license) }),
    ...(algorithm === 'sha512' && digest ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] } : {}),
  };
}

/** From what `dpkg-query --status` says about a package. `distribution` is such as `debian-12`. */
export function debianComponent(status: string, distribution: string): Component {
  const name = field(status, 'Package');
  const version = field(status, 'Version');
  if (name === undefined || version === undefined) throw new Error(`Not the status of a Debian package: ${status.slice(0, 80)}`);
  const source = field(status, 'Source')?.split(' ')[0];
  const qualifiers = [
    `arch=${field(status, 'Architecture') ?? 'all'}`,
    `distro=${distribution}`,
    ...(source ? [`upstream=${source}`] : []),
  ];
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?${qualifiers.join('&')}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}

/** From the METADATA of a Python wheel. */
export function wheelComponent(metadata: string): Component {
  const name = field(metadata, 'Name');
  const version = field(metadata, 'Version');
  if (name === undefined || version === undefined) throw new Error(`Not the METADATA of a wheel: ${metadata.slice(0, 80)}`);
  const purl = `pkg:pypi/${name.toLowerCase()}@${version}`;
  const license = field(metadata, 'License');
  return { type: 'library', 'bom-ref': purl, name, version, purl, ...(license === undefined ? {} : { licenses: licenses(license) }) };
}

function field(text: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.+)$`, 'm').exec(text)?.[1]?.trim();
}

/** An SPDX expression where it looks like one; older packages give a sentence instead. */
function licenses(license: string): NonNullable<Component['licenses']> {
  return /^[\w.+()-]+( (AND|OR|WITH) [\w.+()-]+)*$/.test(license) ? [{ expression: license }] : [{ license: { name: license } }];
}
