import { createReadStream } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { type UsageRecord, usageRecord } from '../../gateway/usage/record.ts';
import { type UsageField, type UsageSum, UsageSums } from '../../gateway/usage/sums.ts';
import { columns } from '../columns.ts';

type Options = { readonly from?: number; readonly to?: number; readonly by: readonly UsageField[]; readonly json: boolean };

const fields: readonly UsageField[] = ['tenant', 'key', 'model'];

/** `modelfleet usage FILES…`: what tenants have used, from the usage logs of all gateways. */
export function usageCommand(): Command {
  return new Command('usage')
    .description('sum the usage logs of gateways by tenant and model')
    .argument('<files...>', 'usage logs, also those put aside (FILE.1 …); - reads stdin')
    .option('--from <instant>', 'count what ended at this instant or later, for example 2027-01-31 or 2027-01-31T08:00:00Z', instant)
    .option('--to <instant>', 'count what ended before this instant', instant)
    .option('--by <fields>', 'sum by these of tenant, key and model', fieldList, ['tenant', 'model'])
    .option('--json', 'print one JSON document', false)
    .action(run);
}

async function run(files: readonly string[], { from, to, by, json }: Options): Promise<void> {
  const sums = new UsageSums(by);
  let unread = 0;
  for (const file of files) {
    for await (const line of linesOf(file)) {
      if (line.trim() === '') continue;
      const record = parseRecord(line);
      if (!record) unread += 1;
      else if (isWithin(Date.parse(record.time), from, to)) sums.add(record);
    }
  }
  if (json) console.log(JSON.stringify({ sums: sums.all(), unreadLines: unread }));
  else console.log(usageTable(sums.all(), by));
  if (unread > 0) console.error(`modelfleet: ${unread} lines are not usage records and were left out.`);
}

/** The sums as a table. */
export function usageTable(sums: readonly UsageSum[], by: readonly UsageField[]): string {
  const head = [...by.map((field) => field.toUpperCase()), 'REQUESTS', 'DENIED', 'FAILED', 'PROMPT', 'CACHED', 'COMPLETION', 'TOKENS'];
  const rows = sums.map((sum) => {
    const { requests, denied, failed, promptTokens, cachedTokens, completionTokens } = sum;
    const numbers = [requests, denied, failed, promptTokens, cachedTokens, completionTokens, promptTokens + completionTokens];
    return [...by.map((field) => sum.of[field] ?? '-'), ...numbers.map(String)];
  });
  const estimated = sums.reduce((total, sum) => total + sum.estimated, 0);
  const note = estimated > 0 ? `\n\nThe tokens of ${estimated} requests are estimates: their workers did not tell them.` : '';
  return columns([head, ...rows]) + note;
}

async function* linesOf(file: string): AsyncIterable<string> {
  const input = (file === '-' ? process.stdin : createReadStream(file)).setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of input) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw new Error(`Cannot read ${file}`, { cause });
  }
  yield rest;
}

function parseRecord(line: string): UsageRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // a line that a crash has cut short, or one of another program
  }
  return usageRecord.safeParse(value).data;
}

function isWithin(time: number, from: number | undefined, to: number | undefined): boolean {
  return (from === undefined || time >= from) && (to === undefined || time < to);
}

/** Milliseconds since the Unix epoch; a day alone begins at midnight UTC. */
function instant(text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('Give an instant such as 2027-01-31 or 2027-01-31T08:00:00Z.');
  return at;
}

function fieldList(text: string): readonly UsageField[] {
  return text.split(',').map((name) => {
    const field = fields.find((each) => each === name.trim());
    if (!field) throw new InvalidArgumentError(`Give some of ${fields.join(', ')}, with commas between.`);
    return field;
  });
}
