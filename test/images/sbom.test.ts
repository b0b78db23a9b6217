import { expect, test } from 'vitest';
import { debianComponent, nodeComponent, npmComponent, sbom, wheelComponent } from '../../images/stages/sbom.ts';

test('names an npm package, scoped or not, with the hash that the lock file has', () => {
  expect(npmComponent({ name: '@scope/pkg', version: '1.2.3', license: '(MIT OR Apache-2.0)', integrity: 'sha512-//8=' })).toMatchObject({
    purl: 'pkg:npm/%40scope/pkg@1.2.3',
    licenses: [{ expression: '(MIT OR Apache-2.0)' }],
    hashes: [{ alg: 'SHA-512', content: 'ffff' }],
  });
});

test('keeps a licence that is no SPDX expression as the words it is', () => {
  expect(npmComponent({ name: 'old', version: '0.1.0', license: 'SEE LICENSE IN LICENSE.md' }).licenses).toEqual([
    { license: { name: 'SEE LICENSE IN LICENSE.md' } },
  ]);
});

test('names a Debian package as scanners do, with its source package', () => {
  const status = 'Package: libgcc-s1\nStatus: install ok installed\nArchitecture: amd64\nSource: gcc-12 (12.2.0-14)\nVersion: 1:12.2.0+14';

  expect(debianComponent(status, 'debian-12').purl).toBe(
    'pkg:deb/debian/libgcc-s1@1%3A12.2.0%2B14?arch=amd64&distro=debian-12&upstream=gcc-12',
  );
});

test('names a wheel', () => {
  expect(wheelComponent('Metadata-Version: 2.1\nName: nvidia-cublas\nVersion: 13.1.0\n').purl).toBe('pkg:pypi/nvidia-cublas@13.1.0');
});

test('refuses what is not the status of a package', () => {
  expect(() => debianComponent('nothing', 'debian-12')).toThrow('Not the status of a Debian package: nothing');
});

test('is the same for the same content in any order, and names nothing twice', () => {
  const image = { name: 'modelfleet/gateway', version: '0.1.0', license: 'Apache-2.0' };
  const zod = npmComponent({ name: 'zod', version: '4.0.0' });
  const node = nodeComponent('24.0.0');

  expect(sbom(image, [zod, node, zod])).toEqual(sbom(image, [node, zod]));
  expect(sbom(image, [zod, node])).toMatchObject({ components: [{ name: 'node' }, { name: 'zod' }] });
});
