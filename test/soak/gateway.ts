import { parseArgs } from 'node:util';
import { soakGateway } from './gateway-soak.ts';

// A million requests of all kinds at a gateway, to see that nothing of them stays: see gateway-soak.ts. Ends with 0 when all went well.

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    callers: { type: 'string', default: '32' },
    looks: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
});
const [requests, callers, looks, seed] = [values.requests, values.callers, values.looks, values.seed].map(Number);
const whole = [requests, callers, looks, seed].filter((value) => value !== undefined && Number.isSafeInteger(value) && value > 0);
if (requests === undefined || callers === undefined || looks === undefined || seed === undefined || whole.length < 4 || looks < 4) {
  console.error('--requests, --callers, --looks (4 or more) and --seed must be whole numbers above 0');
  process.exit(2);
}
console.error(`seed ${seed}`);
const report = await soakGateway({
  requests,
  callers,
  looks,
  seed,
  mayGrowMegabytes: 3,
  tell: values.json
    ? undefined
    : (look) =>
        console.error(
          `${look.requests} requests, ${look.requestsPerSecond}/s: heap ${look.heapMegabytes.toFixed(1)} MB, RSS ${look.rssMegabytes.toFixed(0)} MB`,
        ),
});
const { looks: seen, kinds, problems, ...figures } = report;
if (values.json) console.log(JSON.stringify({ soak: 'gateway', seed, callers, ...report }));
else {
  console.table(
    seen.map((look) => ({ ...look, heapMegabytes: Number(look.heapMegabytes.toFixed(2)), rssMegabytes: Math.round(look.rssMegabytes) })),
  );
  console.table({ seed, callers, ...figures, ...kinds });
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  console.log(problems.length === 0 ? 'All is well.' : `Run it again with --seed ${seed}.`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
