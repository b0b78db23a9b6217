import { expect, test } from 'vitest';
import { errors } from './errors.ts';

test('answers in the shape that OpenAI clients read', () => {
  const error = errors.modelNotFound('gpt-9');
  expect(error.status).toBe(404);
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    error: {
      message: 'The model `gpt-9` does not exist or you may not use it.',
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    },
  });
});

test('keeps cause, param and headers through each refinement', () => {
  const cause = new Error('socket closed');
  const error = errors.invalidRequest('bad').withCause(cause).withParam('stop').withHeaders({ 'retry-after': '3' });
  expect(error).toMatchObject({ cause, param: 'stop', headers: { 'retry-after': '3' }, status: 400 });
});
