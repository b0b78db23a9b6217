import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Agenda } from './agenda.ts';
import { curves, meanServiceSeconds, requestsOf } from './curves.ts';
import { oracle } from './oracle.ts';
import { kubeai } from './rules.ts';
import { scoreOf } from './score.ts';
import { type Scaler, simulate, type World } from './simulation.ts';

const world: World = { loadSeconds: 100, slots: 1, seconds: 300 };

/** Asks every ten seconds for what is planned from that second on. */
function planned(startReplicas: number, plan: Readonly<Record<number, number>> = {}): Scaler {
  return {
    everySeconds: 10,
    startReplicas,
    replicasFor: ({ second, replicas }) => plan[second] ?? replicas,
  };
}

function steady(count: number, everySeconds: number, serviceSeconds: number) {
  return {
    arrivals: Array.from({ length: count }, (_, index) => 1 + index * everySeconds),
    services: Array<number>(count).fill(serviceSeconds),
  };
}

describe('the simulation', () => {
  test('lets requests wait in one line for the first free slot', () => {
    const { waits } = simulate({ arrivals: [1, 2, 3], services: [10, 10, 10] }, world, planned(2));
    expect(waits).toEqual([0, 0, 8]);
  });

  test('gives requests to a replica once it is loaded', () => {
    const { waits, gpuSeconds } = simulate({ arrivals: [5], services: [10] }, world, planned(0, { 20: 1 }));
    expect(waits).toEqual([115]);
    expect(gpuSeconds).toBe(280);
  });

  test('lets a replica finish what it has begun, and counts that time', () => {
    const { waits, gpuSeconds } = simulate({ arrivals: [5, 6], services: [50, 50] }, world, planned(2, { 20: 1 }));
    expect(waits).toEqual([0, 0]);
    expect(gpuSeconds).toBe(300 + 55);
  });

  test('takes a replica away that loads before one that serves', () => {
    const { marks } = simulate(steady(1, 1, 1), world, planned(1, { 20: 3, 50: 2 }));
    expect(marks.at(-1)).toMatchObject({ replicas: 2, ready: 2 });
    expect(marks.find(({ second }) => second === 60)).toMatchObject({ replicas: 2, ready: 1 });
  });

  test('goes on until all are answered', () => {
    const { waits, marks } = simulate(steady(100, 1, 10), world, planned(1));
    expect(waits).toHaveLength(100);
    expect(marks.at(-1)?.second).toBeGreaterThan(900);
  });

  test('counts a change of direction as an oscillation, and the time to the first replica from the rise on', () => {
    const run = simulate(steady(1, 1, 1), world, planned(1, { 20: 2, 40: 3, 60: 2, 80: 1, 100: 2 }));
    expect(scoreOf(run, 30)).toMatchObject({ oscillations: 2, firstScaleUpSeconds: 10, peakReplicas: 3 });
  });
});

test('an agenda gives what was put into it in the order of time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (times) => {
      const agenda = new Agenda<number>();
      for (const time of times) agenda.add(time, time);
      expect(times.map(() => agenda.take())).toEqual(times.toSorted((a, b) => a - b));
      expect(agenda.nextAt).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});

test('the same seed makes the same requests, at the rate of the curve', () => {
  for (const curve of curves) {
    const { arrivals, services } = requestsOf(curve, 7);
    expect(requestsOf(curve, 7).arrivals).toEqual(arrivals);
    const expected = Array.from({ length: curve.minutes * 60 }, (_, second) => curve.rate(second)).reduce((sum, rate) => sum + rate, 0);
    expect(Math.abs(arrivals.length - expected)).toBeLessThan(5 * Math.sqrt(expected));
    const mean = services.reduce((sum, service) => sum + service, 0) / services.length;
    expect(Math.abs(mean - meanServiceSeconds)).toBeLessThan(0.5);
  }
});

describe('the oracle', () => {
  const step = curves.find(({ name }) => name === 'step');
  if (step === undefined) throw new Error('there is no curve named step');
  const requests = requestsOf(step, 3);
  const day = { loadSeconds: 120, slots: 8, seconds: step.minutes * 60 };

  test('lets nobody wait longer than its patience', () => {
    const { waits } = simulate(requests, day, oracle(requests, day, 15));
    expect(waits.filter((wait) => wait > 15 + 1)).toEqual([]);
  });

  test('needs less than a fleet of constant size that does as well', () => {
    const best = simulate(requests, day, oracle(requests, day, 15));
    const constant = simulate(requests, day, { everySeconds: 15, startReplicas: 6, replicasFor: () => 6 });
    expect(best.gpuSeconds).toBeLessThan(0.75 * constant.gpuSeconds);
  });

  test('keeps a replica through a lull that is shorter than loading', () => {
    const lull = { arrivals: [100, 100, 190, 190, 600, 600], services: Array<number>(6).fill(30) };
    const { marks } = simulate(
      lull,
      { loadSeconds: 100, slots: 1, seconds: 700 },
      oracle(lull, { loadSeconds: 100, slots: 1, seconds: 700 }, 5),
    );
    const at = (second: number) => marks.find((mark) => mark.second === second)?.replicas;
    expect([at(150), at(300), at(600)]).toEqual([2, 1, 2]);
  });
});

test("KubeAI's rule asks for all replicas of a steady load only at its 53rd reading", () => {
  const rule = kubeai({ target: 100, maxReplicas: 20, startReplicas: 1 }, 0);
  let replicas = 1;
  let second = 0;
  for (; replicas < 8; second += 10) replicas = rule.replicasFor({ second, replicas, ready: replicas, held: 0, queued: 0, running: 800 });
  expect(second - 10).toBe(520);
});
