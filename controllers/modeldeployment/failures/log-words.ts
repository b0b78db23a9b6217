import { z } from 'zod';

const shownLines = 3;
/** A line of a worker's log: what its engine wrote, or what the agent says of which phase. */
const logLine = z.object({ msg: z.string(), engine: z.string().optional(), phase: z.string().optional() });

/** The end of a container's log as people would tell it: the last lines of a log in JSON without their wrapping, other text as it is. */
export function logWords(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const told = lines.map(worded);
  if (told.every((words) => words === undefined)) return text;
  // The first line may be cut: the kubelet keeps so many bytes.
  return told
    .map((words, index) => words ?? (index === 0 ? '' : (lines[index] ?? '')))
    .filter((words) => words !== '')
    .slice(-shownLines)
    .join(' | ');
}

function worded(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { data } = logLine.safeParse(JSON.parse(line));
    return data && (data.engine ?? (data.phase === undefined ? data.msg : `${data.msg}: ${data.phase}`));
  } catch {
    return undefined; // not JSON: shown as it is
  }
}
