import type { ModelDeployment } from '../api/model-deployment.ts';
import { formatDuration } from '../core/durations.ts';
import { formatBytes } from '../core/sizes.ts';

const barWidth = 28;

export type Progress = {
  readonly name: string;
  readonly phase: string;
  /** 0-100, or null when nobody knows. */
  readonly percent: number | null;
  readonly bytesDone: number | null;
  readonly bytesTotal: number | null;
  readonly etaSeconds: number | null;
};

/** What there is to show of a deployment that loads. */
export function progressOf(deployment: ModelDeployment): Progress {
  const { status, metadata } = deployment;
  const loading = status?.loading;
  return {
    name: metadata.name,
    phase: loading?.phase ?? status?.phase ?? 'Pending',
    percent: loading?.percent ?? (status?.phase === 'Ready' ? 100 : null),
    bytesDone: loading?.bytesDone ?? null,
    bytesTotal: loading?.bytesTotal ?? null,
    etaSeconds: loading?.etaSeconds ?? null,
  };
}

/** `smollm2  LoadingWeights  [#########-------------]  41%  40.3 MB of 98.4 MB  2s left` */
export function barLine(progress: Progress): string {
  const filled = Math.round(((progress.percent ?? 0) / 100) * barWidth);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
  const percent = progress.percent === null ? '  --' : `${String(Math.floor(progress.percent)).padStart(3)}%`;
  return [progress.name, progress.phase.padEnd(14), bar, percent, ...details(progress)].join('  ');
}

/** `smollm2: LoadingWeights 41%, 40.3 MB of 98.4 MB, 2s left` */
export function plainLine(progress: Progress): string {
  const percent = progress.percent === null ? '' : ` ${Math.floor(progress.percent)}%`;
  return [`${progress.name}: ${progress.phase}${percent}`, ...details(progress)].join(', ');
}

function details({ bytesDone, bytesTotal, etaSeconds }: Progress): string[] {
  const size = bytesDone !== null && bytesTotal !== null ? [`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`] : [];
  return etaSeconds === null ? size : [...size, `${formatDuration(etaSeconds * 1000)} left`];
}

export type Terminal = { readonly isTTY?: boolean; write(text: string): unknown };

/** Shows progress as one live line on a terminal, and elsewhere as a plain line at each new phase and each tenth of the way. */
export class ProgressView {
  private readonly out: Terminal;
  private last: { phase: string; tenth: number } | undefined;
  private live = false;

  constructor(out: Terminal) {
    this.out = out;
  }

  show(progress: Progress): void {
    if (this.out.isTTY) {
      this.out.write(`\r\u001b[2K${barLine(progress)}`);
      this.live = true;
      return;
    }
    const tenth = Math.floor((progress.percent ?? 0) / 10);
    if (this.last?.phase === progress.phase && this.last.tenth === tenth) return;
    this.last = { phase: progress.phase, tenth };
    this.out.write(`${plainLine(progress)}\n`);
  }

  /** Ends the live line, so that what follows starts on its own. */
  end(): void {
    if (this.live) this.out.write('\n');
    this.live = false;
    this.last = undefined;
  }
}
