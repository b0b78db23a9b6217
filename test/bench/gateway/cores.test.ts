import { expect, test } from 'vitest';
import { allowedCores } from './cores.ts';

test.each([
  ['0-1', [0, 1]],
  ['3', [3]],
  ['1-2,5,7-8', [1, 2, 5, 7, 8]],
])('reads the cores of %s', (list, cores) => {
  expect(allowedCores(`Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${list}\nMems_allowed_list:\t0\n`)).toEqual(cores);
});
