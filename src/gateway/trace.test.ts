import { expect, test } from 'vitest';
import { startTestGateway } from '../../test/fakes/gateway.ts';
import { givenTrace, traceIdOf } from './trace.ts';

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('takes what the standard allows, and nothing else', () => {
  expect(givenTrace(trace)).toBe(trace);
  expect(traceIdOf(trace)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  expect(givenTrace(trace.replace('00-', '01-').concat('-more'))).toBeDefined();
  for (const wrong of [
    '',
    'x',
    trace.toUpperCase(),
    trace.replace('00-', 'ff-'),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    [trace, trace],
  ]) {
    expect(givenTrace(wrong)).toBeUndefined();
  }
});

test('a caller’s trace goes to the worker and back, with the request’s id', async () => {
  await using gateway = await startTestGateway();
  const call = async (traceparent: string) => {
    const headers = { authorization: `Bearer ${gateway.key}`, 'x-request-id': 'mine', traceparent, tracestate: 'a=b' };
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body: '{"model":"m"}' });
    return [answer.headers.get('x-request-id'), answer.headers.get('traceparent')];
  };
  expect(await call(trace)).toEqual(['mine', trace]);
  expect(await call('broken')).toEqual(['mine', null]);
  const seen = gateway.workers[0]?.seen.map(({ headers }) => [headers['x-request-id'], headers.traceparent, headers.tracestate]);
  expect(seen).toEqual([
    ['mine', trace, 'a=b'],
    ['mine', undefined, undefined],
  ]);
});
