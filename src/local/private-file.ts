import { open, rename, rm } from 'node:fs/promises';

/** Writes a file that only its owner may read (mode 0600), whole or not at all. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  // A leftover of a crash may have another mode, which opening would keep.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
