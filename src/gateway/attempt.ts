import { drainingHeader, loadingHeader } from '../core/agent-contract.ts';
import type { Clock } from '../core/clock.ts';
import { errors, type HttpError } from '../core/errors.ts';
import { AnswerBody } from './answer-body.ts';
import { sendWhole } from './answers.ts';
import { CallerGone, type Cut, type Cuttable, type Exchange, given } from './exchange.ts';
import { downstreamHeaders, upstreamHeaders } from './headers.ts';
import { type AttemptFailure, isRetryableStatus } from './policies/retry.ts';
import type { ServingLimits } from './ports.ts';
import type { Replica } from './replica.ts';
import { errorEvent, workerErrorEvent } from './sse.ts';
import { type Limited, Sweep } from './sweep.ts';
import { type AnswerHeaders, headerIn } from './upstream/answer-head.ts';
import type { Connection, UpstreamHandler } from './upstream/connection.ts';

/** How an attempt ended: `answered` (also when the answer `broke` off after it had begun), or with nothing sent to the caller. */
export type AttemptResult =
  | { readonly kind: 'answered'; readonly broke?: HttpError }
  | { readonly kind: 'failed'; readonly failure: AttemptFailure }
  | { readonly kind: 'refused'; readonly error: HttpError | CallerGone };

/** What an attempt needs to know besides its exchange. */
type AttemptOptions = {
  readonly replica: Replica;
  readonly limits: ServingLimits;
  readonly clock: Clock;
  /** Asked before an answer of 502 to 504 is passed on: true drops it, and the attempt fails instead. */
  mayRetry(failure: AttemptFailure): boolean;
};

/** Sends an exchange's request to a replica and its answer to the caller. Resolves when nothing more will be sent. */
export function attempt(exchange: Exchange, options: AttemptOptions): Promise<AttemptResult> {
  return new Promise((resolve) => {
    const handler = new AttemptHandler(exchange, options, resolve);
    options.replica.upstream.dispatch(
      { path: exchange.translation?.path ?? exchange.path, headers: upstreamHeaders(exchange), body: exchange.body },
      handler,
    );
  });
}

/** Time limits of all attempts. */
const sweep = new Sweep();

/** What hears of an answer and passes it on: no promise, stream or closure per chunk. */
class AttemptHandler implements UpstreamHandler, Cuttable, Limited {
  private readonly exchange: Exchange;
  private readonly options: AttemptOptions;
  private readonly resolve: (result: AttemptResult) => void;
  private connection: Connection | undefined;
  slot = 0;
  private settled = false;

  private status = 0;
  private headers: AnswerHeaders = [];
  private readonly body: AnswerBody;
  private begun = false;
  private stalled = false;
  private listening = false;

  /** A worker that does not stream is silent until its answer is whole: only the total time bounds it. */
  private readonly isStream: boolean;
  private overAt: number | undefined;
  private silentSince: number | undefined;

  constructor(exchange: Exchange, options: AttemptOptions, resolve: (result: AttemptResult) => void) {
    this.exchange = exchange;
    this.body = new AnswerBody(exchange);
    this.options = options;
    this.resolve = resolve;
    this.isStream = given(exchange.call).stream;
    if (this.isStream) this.listen('begin');
    exchange.running = this;
    sweep.add(this);
  }

  onRequestStart(connection: Connection): void {
    this.connection = connection;
    if (this.settled) this.abortUpstream();
  }

  onResponseStart(status: number, headers: AnswerHeaders): void {
    if (this.settled) return;
    const refused = sentAway(headers);
    if (refused) {
      this.settle({ kind: 'failed', failure: { kind: refused } });
      this.abortUpstream();
      return;
    }
    const failure: AttemptFailure = { kind: 'status', status };
    if (isRetryableStatus(status) && this.options.mayRetry(failure)) {
      this.settle({ kind: 'failed', failure });
      this.abortUpstream();
      return;
    }
    this.status = status;
    this.headers = headers;
    this.body.start(status, headerIn(headers, 'content-type'));
  }

  onResponseData(chunk: Buffer): void {
    if (this.settled) return;
    this.options.replica.hearing.signs += 1;
    if (this.exchange.firstByteAt === undefined) this.noteFirstByte();
    this.silentSince = undefined;

    const ready = this.body.take(chunk);
    if (ready) this.write(ready);
  }

  onResponseEnd(): void {
    if (this.settled) return;
    const { response } = this.exchange;
    if (this.body.mode === 'whole' && this.exchange.inEvents) {
      this.endEvents(this.body.takeCollected());
      return;
    }
    if (this.body.mode === 'whole') {
      const body = this.body.whole(this.status);
      const headers = downstreamHeaders(this.exchange, this.headers);
      headers.push('content-length', String(body.length));
      sendWhole(response, this.status, headers, body);
      if (this.status === 200) this.record(body);
    } else {
      const rest = this.body.rest();
      this.begin();
      response.end(rest);
      if (this.status === 200 && this.body.done) this.record(rest);
    }
    this.exchange.outcome = this.status;
    this.settle({ kind: 'answered' });
  }

  onResponseError(cause: Error): void {
    if (this.settled) return;
    this.options.replica.hearing.signs += 1; // what cannot be reached is no silence
    if (this.exchange.firstByteAt === undefined) {
      const gone = !this.connection && !this.options.replica.ready;
      this.settle({ kind: 'failed', failure: gone ? { kind: 'left' } : { kind: this.connection ? 'reset' : 'connect', cause } });
      return;
    }
    const name = given(this.exchange.call).model;
    this.breakOff((this.begun ? errors.streamInterrupted(name) : errors.upstreamFailed(name)).withCause(cause));
  }

  /** The caller left, or the gateway closes: the replica must not go on for nobody. */
  cut(why: Cut): void {
    if (this.settled) return;
    if (why === 'gone') this.settle({ kind: 'refused', error: new CallerGone() });
    else this.breakOff(errors.draining());
    this.abortUpstream();
  }

  check(now: number): void {
    const { clock, limits } = this.options;
    this.overAt ??= now + limits.requestTimeoutMs - (clock.now() - this.exchange.arrivedAt);
    if (now >= this.overAt) this.timeOut('the whole answer');
    else if (this.isStream) this.checkSilence(now);
  }

  private checkSilence(now: number): void {
    const { limits } = this.options;
    // While the caller does not read, the replica is paused and cannot be blamed for its silence.
    if (this.stalled) this.silentSince = undefined;
    this.silentSince ??= now;
    const silentMs = now - this.silentSince;
    if (this.exchange.firstByteAt === undefined) {
      if (silentMs >= limits.firstTokenTimeoutMs) this.timeOut('the first byte');
    } else if (silentMs >= limits.idleStreamTimeoutMs) this.timeOut('the next part of the answer');
  }

  private timeOut(what: string): void {
    this.breakOff(errors.upstreamTimeout(given(this.exchange.call).model, what));
    this.abortUpstream();
  }

  /** Ends an answer that cannot be completed, in the way that its reader will notice. */
  private breakOff(error: HttpError): void {
    const { response } = this.exchange;
    if (!this.begun) {
      this.settle({ kind: 'refused', error });
      return;
    }
    const whole = this.body.done;
    this.exchange.outcome = whole ? this.status : error.status;
    if (!whole) this.exchange.errorCode = error.code ?? error.type;
    if (whole) response.end();
    else if (this.body.mode === 'events') response.end(this.exchange.translation?.answer.error(error) ?? errorEvent(error));
    else response.destroy();
    this.settle(whole ? { kind: 'answered' } : { kind: 'answered', broke: error });
  }

  /** The caller has got comments of server-sent events and the replica has answered with something else: an error, or what it should not. */
  private endEvents(body: Buffer): void {
    const event = this.status < 300 ? undefined : workerErrorEvent(body);
    if (event === undefined) {
      const cause = new Error(
        `the replica answered ${this.status} ${headerIn(this.headers, 'content-type') ?? ''} where a stream was asked for`,
      );
      this.breakOff(errors.upstreamFailed(given(this.exchange.call).model).withCause(cause));
      return;
    }
    this.exchange.outcome = this.status;
    this.exchange.response.end(event);
    this.settle({ kind: 'answered' });
  }

  private noteFirstByte(): void {
    const { clock } = this.options;
    const { exchange } = this;
    exchange.firstByteAt = clock.now();
    // Only a stream tells its first token, and more replicas would not have spared a load to those who waited for it.
    if (this.body.mode !== 'whole' && this.status < 300 && given(exchange.call).stream && !exchange.wasHeld)
      given(exchange.model).line.experience.noteFirstToken(exchange.firstByteAt - exchange.arrivedAt);
  }

  /** Headers wait for the first bytes of the body: until then another replica can still answer, and both go out in one packet. */
  private begin(): void {
    if (this.begun) return;
    if (!this.exchange.inEvents) this.exchange.response.writeHead(this.status, downstreamHeaders(this.exchange, this.headers));
    this.begun = true;
  }

  /** The answer has come to its good end, with these last bytes. */
  private record(last: Buffer | undefined): void {
    const { recorder } = this.exchange;
    if (last) recorder?.add(last);
    recorder?.end(headerIn(this.headers, 'content-type') ?? '');
  }

  private write(bytes: Buffer): void {
    this.begin();
    this.exchange.recorder?.add(bytes);
    if (this.exchange.response.write(bytes) || this.stalled) return;
    this.stalled = true;
    this.stopListening();
    this.connection?.pause(this);
    this.exchange.response.once('drain', () => {
      this.stalled = false;
      if (this.settled) return;
      if (this.isStream) this.listen('resume');
      this.connection?.resume(this);
    });
  }

  /** From now on it is the replica that the stream waits for. */
  private listen(how: 'begin' | 'resume'): void {
    const { replica, limits } = this.options;
    this.listening = true;
    // What may take so long before its first part is not to be taken for a wedge.
    if (how === 'begin') replica.hearing.begin(Math.max(limits.wedgeTimeoutMs ?? Number.POSITIVE_INFINITY, limits.firstTokenTimeoutMs));
    else replica.hearing.resume();
  }

  private stopListening(): void {
    if (this.listening) this.options.replica.hearing.end();
    this.listening = false;
  }

  private abortUpstream(): void {
    this.connection?.abort(this);
  }

  private settle(result: AttemptResult): void {
    this.settled = true;
    if (result.kind === 'failed') this.options.replica.hearing.signs += 1;
    this.stopListening();
    sweep.delete(this);
    this.exchange.running = undefined;
    this.resolve(result);
  }
}

/** Why a worker takes no request now, if it says so. */
function sentAway(headers: AnswerHeaders): 'left' | 'loading' | undefined {
  if (headerIn(headers, drainingHeader) !== undefined) return 'left';
  return headerIn(headers, loadingHeader) === undefined ? undefined : 'loading';
}
