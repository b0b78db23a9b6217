import { randomUUID } from 'node:crypto';
import type { Clock, Random } from '../../core/clock.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';
import { type RedisAddress, RedisLink } from '../redis/link.ts';
import { script } from '../redis/script.ts';
import type { LineOutput } from './log.ts';

/**
 * Keys: the stream, and what its writer has written last. Arguments: the number of the batch, how many entries the stream may have,
 * then the records. A batch that comes again, because its answer was lost, is not written again.
 */
const append = script(`
if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
for i = 3, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'record', ARGV[i]) end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 86400)
return #ARGV - 2`);

/** A write waits so long for a server that is gone, and looks this often whether it is back. */
const patienceMs = 2_000;
const lookMs = 50;

/** A stream, how long it may become, and the server that has it. */
export type RedisStreamOptions = RedisAddress & {
  /** Name of the stream. */
  readonly stream: string;
  /** About so many entries are kept: the oldest go. */
  readonly maxRecords: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

/** Writes each line as an entry of a stream of Redis or Valkey, in its field `record`. */
export class RedisStream implements LineOutput {
  /** A script holds up all others: about a hundred records take well under a millisecond. */
  readonly maxWrite = 65_536;
  private readonly link: RedisLink;
  private readonly options: RedisStreamOptions;
  private readonly keys: readonly string[];
  private batch = 1;

  constructor(options: RedisStreamOptions) {
    this.options = options;
    const { stream, random, logger } = options;
    this.keys = [stream, `${stream}:writer:${randomUUID()}`];
    this.link = new RedisLink(options, random, {
      lost: (cause) => logger.warn({ cause: describeError(cause) }, 'the stream of usage records is gone: records wait for it'),
      back: () => logger.info('the stream of usage records is back'),
    });
  }

  /** Whether records can be written now. */
  get usable(): boolean {
    return this.link.usable;
  }

  async write(lines: string): Promise<void> {
    const { clock, maxRecords } = this.options;
    for (const giveUpAt = clock.now() + patienceMs; !this.link.usable; await clock.sleep(lookMs))
      if (clock.now() >= giveUpAt) throw new Error('there is no connection to the stream of usage records');
    await this.link.run(append, this.keys, [this.batch, maxRecords, ...lines.trimEnd().split('\n')]);
    this.batch += 1;
  }

  async close(): Promise<void> {
    await this.link.close();
  }
}
