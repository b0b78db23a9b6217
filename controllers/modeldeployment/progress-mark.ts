import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { phaseLadder } from '../../src/core/phases.ts';
import { isOnLadder } from './progress.ts';

/** How far a container's load had come at its best, as far as that is believed. */
export type ProgressMark = {
  readonly rung: number;
  readonly percent: number;
  readonly bytes: number;
  /** The agent's own word for when this load began: a new one begins anew. */
  readonly startedAt: string;
  /** How often the numbers went back since the last time that the model was loaded. */
  readonly wentBack: number;
};

/** A download may have to begin anew, an engine may crash and load again. Whoever goes back more often than this goes round in circles. */
const forgiven = 3;
const topRung = phaseLadder.indexOf('Ready');

/**
 * What an answer means for the progress. Getting further than ever counts; going back never does, and after the third time
 * only what gets further than the best before. Pure.
 */
export function markProgress(mark: ProgressMark | undefined, status: AgentStatus): { mark: ProgressMark | undefined; progressed: boolean } {
  if (!isOnLadder(status.phase)) return { mark, progressed: false };
  const { startedAt } = status;
  const told = { rung: phaseLadder.indexOf(status.phase), percent: status.percent ?? 0, bytes: status.bytesDone ?? 0, startedAt };
  if (!mark) return { mark: { ...told, wentBack: 0 }, progressed: true };
  if (told.rung === topRung) return { mark: { ...told, wentBack: 0 }, progressed: mark.rung < topRung };
  const isNewLoad = startedAt !== mark.startedAt;
  const order = compare(told, mark);
  if (order > 0 && !isNewLoad) return { mark: { ...told, wentBack: mark.wentBack }, progressed: true };
  if (order === 0 && !isNewLoad) return { mark, progressed: false };
  if (mark.wentBack < forgiven) return { mark: { ...told, wentBack: mark.wentBack + 1 }, progressed: isNewLoad };
  return order > 0 ? { mark: { ...told, wentBack: mark.wentBack }, progressed: true } : { mark, progressed: false };
}

type Numbers = Pick<ProgressMark, 'rung' | 'percent' | 'bytes'>;

/** In one phase bytes are finer than percents; a total that grows may take the percent back while bytes come. */
function compare(told: Numbers, mark: Numbers): number {
  return told.rung - mark.rung || told.bytes - mark.bytes || told.percent - mark.percent;
}
