import { Agenda } from './agenda.ts';
import type { Requests } from './curves.ts';

/** What a rule may see when it is asked. */
export type Sight = {
  readonly second: number;
  /** As asked for; those that load are among them. */
  readonly replicas: number;
  readonly ready: number;
  /** Waiting while no replica is ready. */
  readonly held: number;
  /** Waiting while replicas are ready. */
  readonly queued: number;
  readonly running: number;
};

/** A rule that says how many replicas there shall be. */
export type Scaler = {
  readonly everySeconds: number;
  /** Replicas that are there, loaded, when the day begins. */
  readonly startReplicas: number;
  replicasFor(sight: Sight): number;
};

export type World = { readonly loadSeconds: number; readonly slots: number; readonly seconds: number };

export type Mark = { readonly second: number; readonly replicas: number; readonly ready: number };

/** What came of it. */
export type Run = {
  /** Of each request, until an answer began. */
  readonly waits: readonly number[];
  /** Of all replicas, from their creation to their end; loading and draining included. */
  readonly gpuSeconds: number;
  /** One for each time the rule was asked. */
  readonly marks: readonly Mark[];
};

type Replica = { readonly createdAt: number; phase: 'loading' | 'ready' | 'draining' | 'gone'; inFlight: number };

/**
 * Lets requests pass a gateway that binds late: they wait in one line, and the first gets the first slot that is free.
 * Nobody gives up. Replicas load, serve, drain and go; the rule is asked at its pace until all requests are answered.
 */
export function simulate({ arrivals, services }: Requests, world: World, scaler: Scaler): Run {
  const fleet: Replica[] = Array.from({ length: scaler.startReplicas }, () => ({ createdAt: 0, phase: 'ready', inFlight: 0 }));
  const agenda = new Agenda<{ readonly kind: 'loaded' | 'answered'; readonly replica: Replica }>();
  const waits: number[] = [];
  const marks: Mark[] = [];
  let [gpuSeconds, arrived, askAt] = [0, 0, 0];
  let replicas = scaler.startReplicas;
  let now = 0;

  const standing = () => fleet.filter(({ phase }) => phase === 'loading' || phase === 'ready');
  const end = (replica: Replica) => {
    replica.phase = 'gone';
    gpuSeconds += now - replica.createdAt;
    fleet.splice(fleet.indexOf(replica), 1);
  };
  const bind = () => {
    while (waits.length < arrived) {
      let best: Replica | undefined;
      for (const replica of fleet)
        if (replica.phase === 'ready' && replica.inFlight < world.slots && replica.inFlight < (best?.inFlight ?? Number.POSITIVE_INFINITY))
          best = replica;
      if (best === undefined) return;
      best.inFlight += 1;
      const tookSeconds = services[waits.length] ?? 0;
      agenda.add(now + tookSeconds, { kind: 'answered', replica: best });
      waits.push(now - (arrivals[waits.length] ?? now));
    }
  };
  const scale = (to: number) => {
    for (let count = standing().length; count < to; count += 1) {
      const replica: Replica = { createdAt: now, phase: 'loading', inFlight: 0 };
      fleet.push(replica);
      agenda.add(now + world.loadSeconds, { kind: 'loaded', replica });
    }
    // As the controller chooses: what has least to do, and of those the youngest; so one that loads goes first.
    const victims = standing().sort((a, b) => a.inFlight - b.inFlight || b.createdAt - a.createdAt);
    for (const victim of victims.slice(0, Math.max(0, victims.length - to))) {
      victim.phase = 'draining';
      if (victim.inFlight === 0) end(victim);
    }
    replicas = to;
  };

  while (now < world.seconds || waits.length < arrivals.length) {
    const arrivalAt = arrivals[arrived] ?? Number.POSITIVE_INFINITY;
    now = Math.min(arrivalAt, agenda.nextAt, askAt);
    if (now === agenda.nextAt) {
      const { kind, replica } = agenda.take();
      if (kind === 'answered') replica.inFlight -= 1;
      else if (replica.phase === 'loading') replica.phase = 'ready';
      if (replica.phase === 'draining' && replica.inFlight === 0) end(replica);
    } else if (now === arrivalAt) arrived += 1;
    else {
      const ready = fleet.filter(({ phase }) => phase === 'ready').length;
      const waiting = arrived - waits.length;
      const running = fleet.reduce((sum, { inFlight }) => sum + inFlight, 0);
      const [held, queued] = ready === 0 ? [waiting, 0] : [0, waiting];
      const wanted = scaler.replicasFor({ second: now, replicas, ready, held, queued, running });
      if (wanted !== replicas) scale(wanted);
      marks.push({ second: now, replicas, ready });
      askAt += scaler.everySeconds;
    }
    bind();
  }
  for (const { createdAt } of fleet) gpuSeconds += now - createdAt;
  return { waits, gpuSeconds, marks };
}
