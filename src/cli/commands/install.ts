import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';

/**
 * `install`: puts Node and this program into a folder, so that an image that has neither can run the agent from there.
 * For programs that are bundled into one file, as images have them.
 */
export function installCommand(): Command {
  return new Command('install')
    .description('copy Node and this program into a folder, for a container of another image')
    .argument('<folder>', 'an empty folder, such as a volume that both containers mount')
    .action(async (folder: string) => {
      const [program = ''] = process.argv.slice(1);
      await mkdir(folder, { recursive: true });
      await copyFile(process.execPath, join(folder, 'node'));
      await chmod(join(folder, 'node'), 0o755);
      await copyFile(program, join(folder, 'main.mjs'));
    });
}
