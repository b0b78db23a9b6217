import { request } from 'node:http';
import { type GatewayStats, gatewayStats, statsPath } from '../../src/api/gateway-stats.ts';
import { NdjsonDecoder } from '../../src/kube/index.ts';

/** Where the stats of a gateway are. */
export type StatsAddress = { readonly host: string; readonly port: number };

/** A line with ten thousand models is about a megabyte. */
const maxLineBytes = 16 * 1_048_576;

export type ReadStatsOptions = {
  readonly address: StatsAddress;
  readonly token: string;
  /** How long the gateway may say nothing. */
  readonly silenceMs: number;
  readonly onStats: (stats: GatewayStats) => void;
  readonly signal: AbortSignal;
};

/** Reads the stats of a gateway for as long as it sends them. Always rejects: with why it ended, or with the signal's reason. */
export function readStats({ address, token, silenceMs, onStats, signal }: ReadStatsOptions): Promise<never> {
  return new Promise((_, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const asking = request({ ...address, path: statsPath, agent: false, timeout: silenceMs, headers });
    const end = (why: unknown) => {
      reject(why);
      asking.destroy();
    };
    const onAbort = () => end(signal.reason);
    asking.once('timeout', () => end(new Error(`it said nothing for ${silenceMs / 1000} s`)));
    asking.on('error', end);
    asking.once('close', () => signal.removeEventListener('abort', onAbort));
    asking.once('response', (answer) => {
      answer.on('error', end);
      if (answer.statusCode !== 200) {
        end(new Error(refusal(answer.statusCode)));
        return;
      }
      const decoder = new NdjsonDecoder(maxLineBytes);
      let begun = false;
      answer.on('data', (chunk: Buffer) => {
        try {
          for (const value of decoder.push(chunk)) {
            const stats = gatewayStats.parse(value);
            if (!begun && !stats.full) throw new Error('its first line is not a full one');
            begun = true;
            onStats(stats);
          }
        } catch (cause) {
          end(new Error('what it sends cannot be read: controller and gateway must be of versions that know each other', { cause }));
        }
      });
      answer.once('end', () => end(new Error('it ended the stream')));
    });
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    asking.end();
  });
}

function refusal(status: number | undefined): string {
  if (status === 401) return 'it does not know our token: give both the same --stats-token-file';
  if (status === 404) return 'it tells no stats: start it with --stats-token-file';
  return `it answered ${status} to GET ${statsPath}`;
}
