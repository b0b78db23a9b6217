import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnswerRecorder } from './cache/recorder.ts';
import type { Model } from './models.ts';
import type { Lease, Place } from './place.ts';
import type { Caller } from './ports.ts';
import type { ResponseSighting } from './response-homes.ts';
import type { Changes } from './surface/splice.ts';
import type { Translation } from './surface/translator.ts';
import { Meter } from './usage/meter.ts';

/** What the gateway reads of a request's body. */
export type Call = { readonly model: string; readonly stream: boolean; readonly maxTokens: number | undefined };

const nothing = Buffer.alloc(0);
const noFields = {};

/**
 * One request and its answer on their way through the stages. Each stage reads what earlier ones set and sets its own;
 * no stage knows another. Instants are milliseconds of the gateway's clock.
 */
export class Exchange {
  readonly id: string;
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly arrivedAt: number;

  /** Address of the caller, where a proxy tells it; else it is the connection's. */
  from: string | undefined;
  /** The caller's `traceparent`. */
  trace: string | undefined;
  /** Set by `authenticate`. */
  caller: Caller | undefined;
  /** Set by `read`; `shape` changes what the deployment asks it to. These bytes go to the worker. */
  body: Buffer = nothing;
  /** Set by `parse`. */
  call: Call | undefined;
  /** Set by `parse`: the body as the caller sent it. */
  fields: Readonly<Record<string, unknown>> = noFields;
  /** Set by `resolve`. */
  model: Model | undefined;
  /** Set by `queue`. */
  place: Place | undefined;
  /** Set by `pick`, and again by each retry of `forward`. */
  lease: Lease | undefined;

  /** Reads the tokens of the answer on its way. */
  readonly meter = new Meter();
  /** Headers that the answer gets besides those of its worker: names and values in turn. */
  readonly answerHeaders: string[] = [];

  /** Set by `translate`: the request goes to the worker in other words. */
  translation: Translation | undefined;
  /** Set by `translate`, where the worker may keep its response: reads which one it is. */
  sighting: ResponseSighting | undefined;
  /** Set by `shape`: what the deployment has changed. */
  changes: Changes | undefined;
  /** Set by `cache`, where a deployment has one. */
  cache: 'hit' | 'miss' | undefined;
  /** Set by `cache`: keeps a copy of what the caller gets. */
  recorder: AnswerRecorder | undefined;
  /** A stage has answered it: no other is needed. */
  answered = false;

  /** How it ended, as HTTP status: 499 when the caller left, the error's when an answer broke off after it began. */
  outcome = 0;
  /** Code of the error that it ended with. */
  errorCode: string | undefined;
  leasedAt: number | undefined;
  firstByteAt: number | undefined;
  retries = 0;
  /** It has waited for a load. */
  wasHeld = false;
  /** Comments of server-sent events have been sent: whatever comes now, an error too, must be an event. */
  inEvents = false;

  /** The caller's connection is gone: there is nobody to answer. */
  gone = false;
  /**
   * What hears that the exchange is cut short, to give up its place or abort its upstream request. An object, not a function: V8 (13.6)
   * lets half of all requests survive the collections of young objects, a tenth of the gateway's time, when a field of
   * theirs is set to a function of their own.
   */
  running: Cuttable | undefined;
  private readonly endHooks: ((now: number) => void)[] = [];
  private ended = false;

  constructor(id: string, path: string, request: IncomingMessage, response: ServerResponse, arrivedAt: number) {
    this.id = id;
    this.path = path;
    this.request = request;
    this.response = response;
    this.arrivedAt = arrivedAt;
  }

  /** Runs `hook` once, with the instant, when the answer has been sent or the caller has left. */
  onEnd(hook: (now: number) => void): void {
    this.endHooks.push(hook);
  }

  /** Cuts the exchange short: the running stage gives up what it holds and waits for. */
  cut(why: Cut): void {
    if (why === 'gone') this.gone = true;
    this.running?.cut(why);
  }

  /** Runs the end hooks; only the first call counts. */
  end(now: number): void {
    if (this.ended) return;
    this.ended = true;
    for (const hook of this.endHooks) hook(now);
  }
}

/** What can give up what it holds and waits for. */
export type Cuttable = { cut(why: Cut): void };

/** Why an exchange is cut short: the caller left, or the gateway closes and its grace is over. */
export type Cut = 'gone' | 'closing';

/** The value that an earlier stage has set. Throws when the stages are in the wrong order. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a stage ran before the one that sets what it needs');
  return value;
}

/** Ends a stage when nobody is left to answer. */
export class CallerGone extends Error {
  constructor() {
    super('the caller closed the connection');
    this.name = 'CallerGone';
  }
}
