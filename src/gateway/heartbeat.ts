import { requestIdHeader } from './answers.ts';
import { type Exchange, given } from './exchange.ts';
import type { Models } from './models.ts';
import type { Place } from './place.ts';
import { after } from './timers.ts';

/** Header by which the caller of a stream asks to hear how the model loads while the request waits: `heartbeat`. */
const holdHeader = 'x-modelfleet-hold';

/** Who waits no longer than this hears nothing, and gets the status code that the request really has. */
const quietMs = 1_000;
/** Proxies and clients give up connections that are silent for longer. */
const beatMs = 5_000;

/** Whether the caller can take comments before the first event, and prefers them to a 503. */
export function wantsHeartbeats({ call, request }: Exchange): boolean {
  return given(call).stream && request.headers[holdHeader] === 'heartbeat';
}

/**
 * Tells a caller who asked for it what the request waits for, as comments of server-sent events: at each change, and every five
 * seconds. Until the function that it returns is called.
 */
export function heartbeats(exchange: Exchange, place: Place, models: Pick<Models, 'find'>): () => void {
  const { line } = given(exchange.model);
  let told = '';
  const tell = () => {
    begin(exchange);
    told = waitsFor(exchange, models);
    // A caller who does not read gets no more of them: one will do when he reads again.
    if (!exchange.response.writableNeedDrain) exchange.response.write(`: ${told}\n\n`);
    clearTimeout(timer);
    timer = after(beatMs, tell);
  };
  let timer = after(exchange.inEvents ? beatMs : quietMs, tell);
  const unsubscribe = line.subscribe(() => {
    // The change may have ended the wait.
    if (exchange.inEvents && !place.turn && waitsFor(exchange, models) !== told) tell();
  });
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}

function begin(exchange: Exchange): void {
  if (exchange.inEvents) return;
  exchange.inEvents = true;
  const headers = [
    requestIdHeader,
    exchange.id,
    ...exchange.answerHeaders,
    'content-type',
    'text/event-stream',
    'cache-control',
    'no-cache',
  ];
  // nginx would keep the comments until it has a buffer full of them.
  exchange.response.writeHead(200, [...headers, 'x-accel-buffering', 'no']);
}

function waitsFor(exchange: Exchange, models: Pick<Models, 'find'>): string {
  const { spec, line } = given(exchange.model);
  if (line.readyReplicas > 0) return 'queued';
  // What was known at the arrival may be minutes old.
  const { phase, percent, etaSeconds } = models.find(spec.key)?.spec.loading ?? {};
  const words = ['loading', `phase=${phase ?? 'Pending'}`];
  if (percent !== undefined) words.push(`percent=${percent}`);
  if (etaSeconds !== undefined) words.push(`eta=${Math.ceil(etaSeconds)}`);
  return words.join(' ');
}
