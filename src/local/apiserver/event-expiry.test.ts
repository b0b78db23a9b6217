import { expect, test } from 'vitest';
import { TestApiServer } from '../../../test/fakes/api-server.ts';
import { FakeClock } from '../../core/fake-clock.ts';

const minuteMs = 60_000;
const events = '/api/v1/namespaces/default/events';

test('an event goes an hour after it last happened', async () => {
  const clock = new FakeClock();
  await using api = await TestApiServer.start({ clock });
  const event = (name: string, lastTimestamp: number) => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    lastTimestamp: new Date(lastTimestamp).toISOString(),
  });
  await api.post(events, event('old', clock.now()));
  await api.post(events, event('repeated', clock.now() + 30 * minuteMs));

  await clock.advance(62 * minuteMs);
  while ((await api.get(`${events}/old`)).code !== 404) await new Promise(setImmediate);

  expect((await api.get(`${events}/repeated`)).code).toBe(200);
});
