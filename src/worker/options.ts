import type { PathMap } from './artifacts/path-map.ts';
import type { Checksums } from './artifacts/source.ts';
import type { Device } from './engines/engine.ts';
import type { EngineName } from './engines/programs.ts';

/** Everything a worker is told; the command line and the environment are read in src/cli/commands/worker.ts. */
export type WorkerOptions = {
  readonly name: string;
  readonly source: string;
  readonly files: readonly string[];
  readonly checksums: Checksums;
  /** Where fetched models are kept; replicas may share it. */
  readonly cacheDir: string;
  /** Bearer token for an http(s) source. */
  readonly sourceToken?: string;
  readonly contextLength?: number;
  readonly engine: EngineName;
  readonly device: Device;
  readonly maxSequences: number;
  readonly drainTimeoutMs: number;
  readonly wedgeTimeoutMs: number;
  readonly host: string;
  readonly port: number;
  readonly managementPort: number;
  readonly pathMap: PathMap;
  /** An inherited pipe: its end is the end of the parent, and then of this worker. */
  readonly parentFd?: number;
};
