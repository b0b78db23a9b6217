import type { UsageRecord } from './record.ts';

/** By what sums are told apart. */
export type UsageField = 'tenant' | 'key' | 'model';

/** What some requests have cost together. */
export type UsageSum = {
  readonly of: Readonly<Partial<Record<UsageField, string>>>;
  requests: number;
  /** Refused for who called, or for how much. */
  denied: number;
  /** Ended with a status of 500 or more. */
  failed: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  /** Requests whose tokens the gateway counted, because the worker did not tell: their tokens are estimates. */
  estimated: number;
};

/** Adds up usage records, with a memory of one sum for each tenant and model, however many records there are. */
export class UsageSums {
  private readonly sums = new Map<string, UsageSum>();
  private readonly by: readonly UsageField[];

  constructor(by: readonly UsageField[]) {
    this.by = by;
  }

  add(record: UsageRecord): void {
    const sum = this.sumOf(record);
    sum.requests += 1;
    if (record.kind === 'denial') sum.denied += 1 + (record.leftOut ?? 0);
    sum.requests += record.leftOut ?? 0;
    if (record.status >= 500) sum.failed += 1;
    sum.promptTokens += record.promptTokens;
    sum.completionTokens += record.completionTokens;
    sum.cachedTokens += record.cachedTokens;
    if (record.countedBy === 'gateway') sum.estimated += 1;
  }

  /** In the order of names. */
  all(): readonly UsageSum[] {
    return [...this.sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
  }

  private sumOf(record: UsageRecord): UsageSum {
    const values = this.by.map((field) => record[field] ?? '');
    const id = values.join('\0');
    let sum = this.sums.get(id);
    if (!sum) {
      const of = Object.fromEntries(this.by.flatMap((field) => (record[field] === undefined ? [] : [[field, record[field]]])));
      const zero = { requests: 0, denied: 0, failed: 0, promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: 0 };
      sum = { of, ...zero };
      this.sums.set(id, sum);
    }
    return sum;
  }
}
