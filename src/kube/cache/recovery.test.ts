import { expect, test } from 'vitest';
import { ApiError, ConnectionError } from '../client/api-error.ts';
import { type Ending, recover } from './recovery.ts';

const api = (code: number, reason = '', retryAfterMs?: number) => new ApiError({ code, reason }, { retryAfterMs });
const lost = new ConnectionError('cut', { cause: undefined });
const after = (ending: Partial<Ending>) => recover({ during: 'watch', resumed: true, progressed: true, failures: 1, ...ending });

test.each([
  ['a watch that the server ended', after({}), { next: 'watch', wait: false }],
  ['a cut watch that had moved on', after({ error: lost }), { next: 'watch', wait: false }],
  ['a connection that fails at once', after({ error: lost, progressed: false }), { next: 'watch', wait: true }],
  ['a long gap: 410', after({ error: api(410, 'Expired') }), { next: 'list', wait: false }],
  ['410 at once, after an outage', after({ error: api(410, 'Expired'), progressed: false }), { next: 'list', wait: false }],
  ['410 right after a list', after({ error: api(410, 'Expired'), resumed: false, progressed: false }), { next: 'list', wait: true }],
  ['a failing server', after({ error: api(500) }), { next: 'watch', wait: true }],
  ['a throttling server', after({ error: api(429, 'TooManyRequests', 7_000) }), { next: 'watch', wait: true, atLeastMs: 7_000 }],
  ['a server that keeps failing the watch', after({ error: api(504), failures: 5 }), { next: 'list', wait: true }],
  ['a refused watch', after({ error: api(403) }), { next: 'list', wait: true }],
  ['a bug in between', after({ error: new TypeError('x') }), { next: 'list', wait: true }],
  ['a failed list', after({ during: 'list', error: lost, progressed: false }), { next: 'list', wait: true }],
  [
    'a server without WatchList',
    after({ during: 'stream', error: api(422), progressed: false }),
    { next: 'list', wait: false, giveUpStream: true },
  ],
  ['one that ignores the wish for it', after({ during: 'stream', error: lost, progressed: false }), { next: 'list', giveUpStream: true }],
  ['one that fails while it streams', after({ during: 'stream', error: api(500), progressed: false }), { wait: true, giveUpStream: false }],
])('after %s', (_name, recovery, expected) => {
  expect(recovery).toMatchObject(expected);
});
