import { Agenda } from './agenda.ts';
import type { Requests } from './curves.ts';
import type { Scaler, World } from './simulation.ts';

const slotSeconds = 15;

/**
 * Knows every request before it comes. It keeps as few replicas as let none wait longer than `patienceSeconds`, starts each so that it has
 * loaded in time, and lets one stay through a lull that is shorter than loading another would take.
 */
export function oracle(requests: Requests, world: World, patienceSeconds: number): Scaler {
  const counts = existing(fewestReady(requests, world, patienceSeconds), world.loadSeconds);
  return {
    everySeconds: slotSeconds,
    startReplicas: counts[0] ?? 1,
    replicasFor: ({ second }) => counts[Math.min(Math.round(second / slotSeconds), counts.length - 1)] ?? 1,
  };
}

/** How many replicas must be ready in each slot of time. Begins with the work that there is on average, and adds where somebody would wait too long. */
function fewestReady(requests: Requests, world: World, patienceSeconds: number): number[] {
  const ready = averageWork(requests, world).map((running) => Math.max(1, Math.ceil(running / world.slots)));
  const states: Line[] = [new Line(requests)];
  for (let slot = 0; slot < ready.length; ) {
    const state = states[slot] ?? new Line(requests);
    const next = state.copy();
    const tooLong = next.pass(slot * slotSeconds, (slot + 1) * slotSeconds, (ready[slot] ?? 1) * world.slots, patienceSeconds);
    if (tooLong === undefined) {
      slot += 1;
      states[slot] = next;
      continue;
    }
    const from = Math.max(0, Math.floor(tooLong / slotSeconds));
    for (let raised = from; raised <= slot; raised += 1) ready[raised] = (ready[raised] ?? 1) + 1;
    slot = from;
  }
  return ready;
}

/** A line of requests in front of slots whose number changes. */
class Line {
  private readonly requests: Requests;
  private running = new Agenda<undefined>();
  private ends: number[] = [];
  private started = 0;

  constructor(requests: Requests) {
    this.requests = requests;
  }

  copy(): Line {
    const copy = new Line(this.requests);
    copy.started = this.started;
    copy.ends = [...this.ends];
    for (const end of copy.ends) copy.running.add(end, undefined);
    return copy;
  }

  /** Lets time pass. Returns the arrival of the first request that waits too long, if any does. */
  pass(from: number, to: number, slots: number, patienceSeconds: number): number | undefined {
    let now = from;
    let busy = this.ends.length;
    for (;;) {
      while (this.running.nextAt <= now) {
        this.running.take();
        busy -= 1;
      }
      const arrival = this.requests.arrivals[this.started] ?? Number.POSITIVE_INFINITY;
      if (arrival <= now && busy < slots) {
        if (now - arrival > patienceSeconds) return arrival;
        const end = now + (this.requests.services[this.started] ?? 0);
        this.running.add(end, undefined);
        this.ends.push(end);
        this.started += 1;
        busy += 1;
        continue;
      }
      const next = busy < slots ? Math.min(arrival, this.running.nextAt) : this.running.nextAt;
      if (next >= to) {
        if (to - arrival > patienceSeconds) return arrival;
        this.ends = this.ends.filter((end) => end > to);
        return undefined;
      }
      now = Math.max(now, next);
    }
  }
}

/** The requests that are answered at once on average, in each slot of time, if nobody waits. */
function averageWork({ arrivals, services }: Requests, { seconds }: World): number[] {
  const work = Array<number>(Math.ceil(seconds / slotSeconds)).fill(0);
  for (const [index, arrival] of arrivals.entries()) {
    const end = arrival + (services[index] ?? 0);
    for (let slot = Math.floor(arrival / slotSeconds); slot * slotSeconds < end && slot < work.length; slot += 1) {
      const share = Math.min(end, (slot + 1) * slotSeconds) - Math.max(arrival, slot * slotSeconds);
      work[slot] = (work[slot] ?? 0) + share / slotSeconds;
    }
  }
  return work;
}

/** How many replicas must exist in each slot, loading ones included, so that enough are ready. Those needed too early for that are there at the start. */
function existing(ready: readonly number[], loadSeconds: number): number[] {
  const counts = Array<number>(ready.length).fill(0);
  const loadSlots = Math.ceil(loadSeconds / slotSeconds);
  const most = ready.reduce((high, count) => Math.max(high, count), 0);
  for (let level = 1; level <= most; level += 1) {
    let freeFrom = 0; // the first slot after the last one that this replica was needed in
    for (let slot = 0; slot < ready.length; slot += 1) {
      if ((ready[slot] ?? 0) < level) continue;
      // Through a short lull it stays; before anything else it loads.
      const from = slot - freeFrom <= loadSlots ? freeFrom : slot - loadSlots;
      for (let needed = from; needed <= slot; needed += 1) counts[needed] = (counts[needed] ?? 0) + 1;
      freeFrom = slot + 1;
    }
  }
  return counts;
}
