import type { TestProject } from 'vitest/node';
import { obstacles, openControlPlane } from '../cluster/cluster.ts';

/** Gives the tests a real control plane, or says why there is none. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const missing = process.env.E2E_KUBECONFIG ? [] : await obstacles('control-plane');
  if (missing.length > 0) {
    console.warn(`Tests on a real control plane are skipped:\n${missing.map((line) => `  ${line}`).join('\n')}`);
    project.provide('kubeconfig', '');
    return undefined;
  }
  const cluster = await openControlPlane();
  project.provide('kubeconfig', cluster.kubeconfig);
  return () => cluster.close();
}
