import { expect, test } from 'vitest';
import { withUpdates } from '../../images/host/debootstrap.ts';

test('a base takes updates from the mirror that it was made from', () => {
  expect(withUpdates('deb http://mirror.example/debian bookworm main\n').split('\n')).toEqual([
    'deb http://mirror.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm-updates main',
    'deb http://mirror.example/debian-security bookworm-security main',
    '',
  ]);
});

test('a base without a mirror is an error, not an image that cannot be mended', () => {
  expect(() => withUpdates('# nothing\n')).toThrow('no source of packages');
});
