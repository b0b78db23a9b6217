import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { FinishReason, Usage } from '../engines/engine.ts';
import type { AnswerShape } from './answer-shape.ts';
import { readJson, sendJson, toHttpError } from './http.ts';
import type { TextRequest } from './request-shape.ts';
import { generate, type Serving } from './serving.ts';
import { doneFrame, frame, SseWriter } from './sse.ts';

/** A prompt of a million tokens is a few megabytes: more is a mistake or an attack. */
const bodyLimitBytes = 16 * 1024 * 1024;

type Shapes = (naming: { readonly model: string; readonly createdAt: number; readonly includeUsage: boolean }) => AnswerShape;
/** `gone` aborts when the caller went away before the answer was complete. */
export type Endpoint = (request: IncomingMessage, response: ServerResponse, gone: AbortSignal) => Promise<void>;

/** An endpoint that generates text, streamed or whole, in the documents of `shapes`. */
export function textEndpoint(serving: Serving, logger: Logger, read: (body: unknown) => TextRequest, shapes: Shapes): Endpoint {
  return async (request, response, gone) => {
    // Before the body: a worker that cannot serve says so at once.
    serving.accept();
    const asked = read(await readJson(request, bodyLimitBytes));
    const model = asked.model ?? serving.model;
    const shape = shapes({ model, createdAt: serving.clock.now(), includeUsage: asked.includeUsage });
    if (asked.stream) await stream(serving, logger, asked, model, shape, response, gone);
    else {
      const { text, reason, usage } = await collect(serving, asked, model, gone);
      sendJson(response, 200, shape.whole(text, reason, usage));
    }
  };
}

/** `POST /generate`: only the text. */
export function generateEndpoint(serving: Serving, read: (body: unknown) => TextRequest): Endpoint {
  return async (request, response, gone) => {
    serving.accept();
    const { text } = await collect(serving, read(await readJson(request, bodyLimitBytes)), serving.model, gone);
    sendJson(response, 200, { text });
  };
}

async function collect(
  serving: Serving,
  asked: TextRequest,
  model: string,
  gone: AbortSignal,
): Promise<{ text: string; reason: FinishReason; usage: Usage }> {
  let text = '';
  for await (const event of generate(serving, asked.generate, model, gone)) {
    if (event.kind === 'text') text += event.text;
    else if (event.kind === 'done') return { text, reason: event.finishReason, usage: event.usage };
  }
  gone.throwIfAborted();
  throw new Error('the engine ended an answer without saying why');
}

async function stream(
  serving: Serving,
  logger: Logger,
  asked: TextRequest,
  model: string,
  shape: AnswerShape,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const sse = new SseWriter(response);
  try {
    for await (const event of generate(serving, asked.generate, model, gone)) {
      if (event.kind === 'started') {
        sse.open();
        const first = shape.first();
        if (first) await sse.write(frame(first), gone);
      } else if (event.kind === 'text') await sse.write(frame(shape.delta(event.text)), gone);
      else if (event.kind === 'done') {
        const usage = asked.includeUsage ? frame(shape.usage(event.usage)) : '';
        await sse.write(frame(shape.last(event.finishReason)) + usage + doneFrame, gone);
        sse.end();
        return;
      }
    }
  } catch (error) {
    if (gone.aborted || !sse.started) throw error;
    // The status is long sent: the stream ends with an error event and without [DONE], so that no client takes it for complete.
    const answer = toHttpError(error, logger);
    if (answer instanceof HttpError && answer.cause) logger.warn({ err: answer.cause }, 'an answer was interrupted');
    sse.end(frame(answer));
  }
}
