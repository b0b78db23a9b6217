import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { CallerGone, Exchange } from './exchange.ts';
import { runStages, type Services, type Stage } from './pipeline.ts';

/** Sends an exchange through these stages; `failed` hears why it ended early. */
function run(...stages: Stage[]) {
  const request = new IncomingMessage(new Socket());
  const exchange = new Exchange('id', '/', request, new ServerResponse(request), 0);
  const failed = vi.fn<(error: unknown) => void>();
  runStages(stages, exchange, {} as Services, failed);
  return { exchange, failed };
}

/** Notes its name. */
const note = (notes: string[], name: string): Stage => {
  return () => void notes.push(name);
};

test('goes through stages that do not wait at once, and through others in order', async () => {
  const notes: string[] = [];
  const wait = Promise.withResolvers<undefined>();
  const { failed } = run(note(notes, 'a'), note(notes, 'b'), () => wait.promise, note(notes, 'c'), note(notes, 'd'));
  expect(notes).toEqual(['a', 'b']);
  wait.resolve(undefined);
  await vi.waitFor(() => expect(notes).toEqual(['a', 'b', 'c', 'd']));
  expect(failed).not.toHaveBeenCalled();
});

test('ends with the stage that answers', () => {
  const notes: string[] = [];
  const answer: Stage = (exchange) => {
    exchange.answered = true;
  };
  expect(run(answer, note(notes, 'after')).failed).not.toHaveBeenCalled();
  expect(notes).toEqual([]);
});

test.each<[string, Stage]>([
  [
    'throws',
    () => {
      throw new Error('refused');
    },
  ],
  ['rejects', () => Promise.reject(new Error('refused'))],
  ['throws after a wait', () => Promise.resolve(undefined).then(() => Promise.reject(new Error('refused')))],
])('ends with a stage that %s, and tells it later', async (_, stage) => {
  const notes: string[] = [];
  const { failed } = run(stage, note(notes, 'after'));
  expect(failed).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(failed).toHaveBeenCalledExactlyOnceWith(new Error('refused')));
  expect(notes).toEqual([]);
});

test('goes no further for a caller who left during a wait', async () => {
  const notes: string[] = [];
  const wait = Promise.withResolvers<undefined>();
  const { exchange, failed } = run(() => wait.promise, note(notes, 'after'));
  exchange.cut('gone');
  wait.resolve(undefined);
  await vi.waitFor(() => expect(failed).toHaveBeenCalledExactlyOnceWith(expect.any(CallerGone)));
  expect(notes).toEqual([]);
});
