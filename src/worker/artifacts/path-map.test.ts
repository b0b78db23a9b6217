import { expect, test } from 'vitest';
import { parsePathMap, resolvePath } from './path-map.ts';

const map = { '/models': '/home/me/.cache/models', '/models/big': '/mnt/big' };

test.each([
  ['/models/a.gguf', '/home/me/.cache/models/a.gguf'],
  ['/models', '/home/me/.cache/models'],
  ['/models/big/b.gguf', '/mnt/big/b.gguf'],
  ['/modelsX/a.gguf', '/modelsX/a.gguf'],
  ['/models/../etc/passwd', '/etc/passwd'],
  ['/data//x/./y', '/data/x/y'],
])('%s is really %s', (path, real) => expect(resolvePath(map, path)).toBe(real));

test('refuses what is not a path map', () => {
  expect(() => parsePathMap('{"models": 1}')).toThrow(/is not a path map/);
  expect(() => parsePathMap('nonsense')).toThrow(/is not a path map/);
});
