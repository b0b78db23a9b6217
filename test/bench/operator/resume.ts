import { modelDeployments } from '../../../controllers/modeldeployment/status-writer.ts';
import { round } from '../report.ts';
import type { Arrivals } from './arrivals.ts';
import { ControllerProcess } from './controller-process.ts';
import type { Options } from './options.ts';
import { namespace, type Testbed } from './testbed.ts';

export type ResumeResult = {
  /** The slowest of the orderly restarts: from the start of the new process to the pod that a change made then asks for. */
  readonly resumeSeconds: number;
  /** The same after the old process was killed. */
  readonly resumeAfterKillSeconds: number;
  /** From SIGTERM to the end of the old process, slowest. */
  readonly stopSeconds: number;
};

const orderlyRestarts = 3;
const actsWithinMs = 60_000;

/** Ends the controller and starts another, in good order and not, and sees how soon that one acts. Answers the last process too. */
export async function measureResume(
  options: Options,
  testbed: Testbed,
  arrivals: Arrivals,
  first: ControllerProcess,
): Promise<{ readonly result: ResumeResult; readonly last: ControllerProcess }> {
  let controller = first;
  let changed = 0;
  const restart = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const name = `d${String(changed++).padStart(4, '0')}`;
    const told = performance.now();
    await controller.end(signal);
    const ended = performance.now();
    controller = await ControllerProcess.launch(testbed, options.profile);
    const replicas = options.replicas + 1;
    await testbed.admin.mergePatch(modelDeployments, { namespace, name }, { spec: { replicas } });
    await arrivals.until(`the pod of the change after ${signal}`, () => arrivals.at(name, replicas) !== undefined, actsWithinMs);
    return { stop: (ended - told) / 1_000, resume: ((arrivals.at(name, replicas) ?? Number.NaN) - ended) / 1_000 };
  };
  const orderly: { readonly stop: number; readonly resume: number }[] = [];
  for (let round = 0; round < orderlyRestarts; round++) {
    orderly.push(await restart('SIGTERM'));
    await controller.leads();
  }
  const killed = await restart('SIGKILL');
  const slowest = (values: readonly number[]) => round(Math.max(...values), 2);
  return {
    last: controller,
    result: {
      resumeSeconds: slowest(orderly.map(({ resume }) => resume)),
      resumeAfterKillSeconds: round(killed.resume, 2),
      stopSeconds: slowest(orderly.map(({ stop }) => stop)),
    },
  };
}
