import { expect, test } from 'vitest';
import { missingImages, splitArchives } from './images.ts';

test('copies what the node lacks and what was built again since', () => {
  const wanted = new Map([
    ['modelfleet/controller:1', 'sha256:new'],
    ['modelfleet/gateway:1', 'sha256:same'],
    ['modelfleet/worker:1', 'sha256:first'],
  ]);
  const loaded = { 'modelfleet/controller:1': 'sha256:old', 'modelfleet/gateway:1': 'sha256:same' };

  expect(missingImages(wanted, loaded)).toEqual(['modelfleet/controller:1', 'modelfleet/worker:1']);
});

test('tells archives from images', () => {
  expect(splitArchives(['modelfleet/worker:1', './images.tar'])).toEqual({ images: ['modelfleet/worker:1'], archives: ['./images.tar'] });
});
