import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { gpuScalingBehavior } from '../../src/api/scaling.ts';
import { type Curve, curves, meanServiceSeconds, requestsOf } from './autoscaling/curves.ts';
import { oracle } from './autoscaling/oracle.ts';
import { type Panel, plot } from './autoscaling/plot.ts';
import { hpa, kubeai } from './autoscaling/rules.ts';
import { medianOf, type Score, scoreOf } from './autoscaling/score.ts';
import { type Run, simulate, type World } from './autoscaling/simulation.ts';
import { type Cell, printReport, round } from './report.ts';

// The autoscaler's rule against one that knows the future and against KubeAI's, in simulated time: the same requests, replicas and gateway for each.

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, seeds: { type: 'string', default: '5' }, plot: { type: 'string' } },
});
const seedCount = Number(options.seeds);
if (!Number.isInteger(seedCount) || seedCount < 1) {
  console.error(`--seeds is "${options.seeds}": give a whole number above 0`);
  process.exit(2);
}
const seeds = Array.from({ length: seedCount }, (_, index) => index + 1);
const [slots, target, maxReplicas, patienceSeconds] = [8, 8, 16, 15];
const loads = { '30s': 30, '2min': 120, '10min': 600 };

const rules = ['oracle', 'ours', 'kubeai'] as const;
type Rule = (typeof rules)[number];
type Runs = Readonly<Record<Rule, Run>>;

const results: Record<string, unknown> = {};
const rows: Cell[][] = [];
const panels: Panel[] = [];
let worst = Number.NEGATIVE_INFINITY;
for (const curve of curves) {
  for (const [load, loadSeconds] of Object.entries(loads)) {
    const runs = seeds.map((seed) => runAll(curve, loadSeconds, seed));
    const scoresOf = (rule: Rule) => runs.map((run) => scoreOf(run[rule], curve.risesAtSeconds));
    const above = oscillationsAbove(scoresOf('ours'), scoresOf('oracle'));
    worst = Math.max(worst, above);
    const best: Score = { ...medianOf(scoresOf('oracle')), firstScaleUpSeconds: null }; // it starts them before the load rises
    const ours = medianOf(scoresOf('ours'));
    const other = medianOf(scoresOf('kubeai'));
    results[`${curve.name}-${load}`] = {
      ...against(best, ours),
      oscillationsAboveOracle: above,
      oracle: best,
      kubeai: against(best, other),
    };
    rows.push(...[best, ours, other].map((score, at) => row(`${curve.name}, ${load}`, rules[at] ?? '', best, score)));
    const [first] = runs;
    if (load === '10min' && first) panels.push(panel(curve, first));
  }
}
if (options.plot !== undefined)
  await writeFile(options.plot, plot(panels, 'Replicas over time under three rules, while a replica loads for 10 minutes'));
printReport({
  title: 'autoscaling',
  columns: [
    'curve, load time',
    'rule',
    'GPU time ÷ oracle',
    'wait p50 s',
    'wait p95 s',
    'oscillations',
    'first scale-up s',
    'peak replicas',
  ],
  rows,
  results: { seeds: seedCount, slots, target, maxReplicas, oscillationsAboveOracleAtMost: worst, ...results },
});

function runAll(curve: Curve, loadSeconds: number, seed: number): Runs {
  const world: World = { loadSeconds, slots, seconds: curve.minutes * 60 };
  const requests = requestsOf(curve, seed);
  const activeBefore = curve.rate(0) * meanServiceSeconds;
  const limits = { target, maxReplicas, startReplicas: Math.max(1, Math.ceil(activeBefore / target)) };
  const behavior = gpuScalingBehavior(loadSeconds);
  return {
    oracle: simulate(requests, world, oracle(requests, world, patienceSeconds)),
    ours: simulate(requests, world, hpa(limits, behavior)),
    kubeai: simulate(requests, world, kubeai(limits, activeBefore)),
  };
}

function against(best: Score, { gpuSeconds, ...score }: Score) {
  return { gpuSecondsOverOracle: round(gpuSeconds / best.gpuSeconds, 2), ...score };
}

/** In the worst of the runs. */
function oscillationsAbove(scores: readonly Score[], best: readonly Score[]): number {
  return Math.max(...scores.map(({ oscillations }, at) => oscillations - (best[at]?.oscillations ?? 0)));
}

function row(what: string, rule: string, best: Score, score: Score): Cell[] {
  const { gpuSecondsOverOracle, waitP50Seconds, waitP95Seconds, oscillations, firstScaleUpSeconds, peakReplicas } = against(best, score);
  return [
    what,
    rule,
    gpuSecondsOverOracle,
    round(waitP50Seconds),
    round(waitP95Seconds),
    oscillations,
    firstScaleUpSeconds ?? '-',
    peakReplicas,
  ];
}

function panel(curve: Curve, { oracle: best, kubeai: other, ours }: Runs): Panel {
  return {
    title: curve.name,
    seconds: curve.minutes * 60,
    lines: [
      { name: 'oracle (knows the future)', marks: best.marks },
      { name: 'KubeAI’s rule', marks: other.marks },
      { name: 'Modelfleet’s rule', marks: ours.marks },
    ],
  };
}
