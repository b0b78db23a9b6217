import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const record = z.object({ sha256: z.string(), bytes: z.number(), mtimeMs: z.number() });

/** Remembers the digest of a file, with its size and time: as long as those are the same, the bytes need not be read again. */
export async function recordDigest(file: string, sha256: string): Promise<void> {
  const { size, mtimeMs } = await stat(file);
  await writeFile(recordOf(file), JSON.stringify({ sha256, bytes: size, mtimeMs }));
}

/** The digest that was recorded since the file last changed; undefined when there is none. */
export async function recordedDigest(file: string): Promise<string | undefined> {
  try {
    const [{ size, mtimeMs }, text] = await Promise.all([stat(file), readFile(recordOf(file), 'utf8')]);
    const known = record.safeParse(JSON.parse(text)).data;
    return known?.bytes === size && known.mtimeMs === mtimeMs ? known.sha256 : undefined;
  } catch {
    return undefined; // not there, or not recorded: whoever needs the digest reads the bytes
  }
}

function recordOf(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.verified.json`);
}
