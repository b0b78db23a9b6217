import { extname } from 'node:path';

/** Engines that run as a process of their own, and their program: TypeScript in development, JavaScript in the package. */
export const engineNames = ['llama'] as const;
export type EngineName = (typeof engineNames)[number];

export function engineProgram(name: EngineName): URL {
  return new URL(`./${name}/child${extname(new URL(import.meta.url).pathname)}`, import.meta.url);
}
