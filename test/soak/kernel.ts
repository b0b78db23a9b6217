import { parseArgs } from 'node:util';
import { createLogger } from '../../src/core/logger.ts';
import { soak } from './soak.ts';

// Hours of faults and edits in minutes: see soak.ts. Ends with 0 when all went well.

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    speed: { type: 'string', default: '5' },
    /** Where the controller's log goes; it is not written unless given. */
    log: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [minutes, seed, speed] = [Number(values.minutes), Number(values.seed), Number(values.speed)];
if (![minutes, seed, speed].every((value) => Number.isFinite(value) && value > 0)) {
  console.error('--minutes, --seed and --speed must be numbers above 0');
  process.exit(2);
}
console.error(`seed ${seed}`);
const report = await soak({
  seconds: minutes * 60,
  seed,
  speed,
  logger: values.log === undefined ? undefined : createLogger('soak', { file: values.log, level: 'debug' }),
  tell: values.json ? undefined : (line) => console.error(line),
});
const { samples, problems, ...counts } = report;
const [first, last] = [samples[Math.floor(samples.length / 2)], samples.at(-1)];
if (values.json) console.log(JSON.stringify({ soak: 'kernel', seed, minutes, ...report }));
else {
  console.table({ seed, minutes, ...counts });
  console.log(
    `heap after collection: ${first?.heapMegabytes.toFixed(1)} MB at half time, ${last?.heapMegabytes.toFixed(1)} MB at the end; RSS ${last?.rssMegabytes.toFixed(0)} MB`,
  );
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  console.log(problems.length === 0 ? 'All is well.' : `Run it again with --seed ${seed}.`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
