import { expect, test } from 'vitest';
import { isAtLeastVersion } from './resource-version.ts';

test.each([
  ['9', '10', false],
  ['10', '10', true],
  ['11', '10', true],
  ['90071992547409930', '90071992547409929', true],
  ['b', 'a', false],
  ['a', 'a', true],
  [undefined, '1', false],
  ['1', undefined, false],
])('version %s is at least %s: %s', (version, than, expected) => expect(isAtLeastVersion(version, than)).toBe(expected));
