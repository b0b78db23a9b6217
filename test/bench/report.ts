import { cpus } from 'node:os';

export type Cell = string | number;

/** What a benchmark found: `results` is for programs (`--json`), `rows` the same for people. */
export type Report = {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly results: Readonly<Record<string, unknown>>;
};

/** Prints the report: one JSON document after `--json`, else a table with the machine it was measured on. */
export function printReport(report: Report): void {
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ benchmark: report.title, machine, ...report.results }));
    return;
  }
  const lines = [report.columns, ...report.rows.map((row) => row.map(String))];
  const widths = report.columns.map((_, column) => Math.max(...lines.map((line) => String(line[column] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   ');
  console.log(`${report.title}  (${machine.cores} × ${machine.cpu}, Node ${machine.node})\n`);
  for (const cells of lines) console.log(line(cells as readonly string[]));
}

/** Tells people what the report does not: what is missing on this machine, how far it is. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The value at `quantile` (0-1) of the samples, by nearest rank. */
export function quantile(samples: readonly number[], at: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(at * sorted.length) - 1)] ?? Number.NaN;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
