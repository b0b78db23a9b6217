import type { PullProgress } from '../worker/artifacts/pull/pull.ts';
import type { Progress } from './load-progress.ts';

const phases = { waiting: 'Waiting', downloading: 'Downloading', extracting: 'Extracting', verifying: 'Verifying' } as const;

/** What there is to show of a model that is pulled. */
export function pullShown(file: string, { stage, bytesDone, bytesTotal }: PullProgress): Progress {
  const percent = bytesDone !== null && bytesTotal ? (bytesDone / bytesTotal) * 100 : null;
  return { name: file, phase: phases[stage], percent, bytesDone, bytesTotal, etaSeconds: null };
}
