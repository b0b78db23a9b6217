import type { UsageLog } from './log.ts';
import type { UsageRecord } from './record.ts';

/** Leaves each record in several logs. */
export class UsageLogs implements Pick<UsageLog, 'add' | 'lost' | 'close'> {
  private readonly logs: readonly UsageLog[];

  constructor(logs: readonly UsageLog[]) {
    this.logs = logs;
  }

  /** Records that could not be kept, of each log. */
  get lost(): number {
    return this.logs.reduce((sum, log) => sum + log.lost, 0);
  }

  add(record: UsageRecord): void {
    for (const log of this.logs) log.add(record);
  }

  async close(): Promise<void> {
    await Promise.all(this.logs.map((log) => log.close()));
  }
}
