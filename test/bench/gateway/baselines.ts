import { startProgramOn } from '../processes.ts';
import { say } from '../report.ts';
import { startNginx } from './nginx.ts';
import type { Options } from './options.ts';
import { startPortkey } from './portkey.ts';
import { startRedis } from './redis.ts';
import type { Subject } from './subject.ts';
import type { Testbed } from './testbed.ts';

/** What is measured beside each other; absent is what is not needed, or not to be had on this machine. */
export type Subjects = {
  readonly direct: Subject;
  readonly gateway: Subject;
  /** The gateway that counts limits in Redis. */
  readonly shared: Subject | undefined;
  readonly bare: Subject;
  readonly nginx: Subject | undefined;
  readonly portkey: Subject | undefined;
};

/** Starts them all, in front of the same worker. */
export async function startSubjects(testbed: Testbed, { only, profile }: Options): Promise<Subjects> {
  const { core, direct, folder } = testbed;
  const worker = direct.origin;
  const gateway = await testbed.startGateway('gateway', { profile });
  const bareProcess = testbed.keep(await startProgramOn(core, 'programs/bare-proxy.ts', worker));
  const bare = { name: 'bare node:http + Pool.dispatch', process: bareProcess, origin: bareProcess.address };
  const nginx = await ifThere('nginx', () => startNginx({ worker, folder, core }));
  const redis = only.has('requests') || only.has('chunks') ? await ifThere('Redis', () => startRedis(folder)) : undefined;
  const shared = redis && (await testbed.startGateway('gateway, limits in Redis', { redisUrl: testbed.keep(redis).url }));
  const portkey = only.has('requests') ? await ifThere('Portkey', () => startPortkey(worker, core)) : undefined;
  for (const subject of [nginx, portkey]) if (subject) testbed.keep(subject.process);
  return { direct, gateway, shared, bare, nginx, portkey };
}

/** What cannot be started is not measured, and a line says why. */
async function ifThere<T>(name: string, start: () => Promise<T>): Promise<T | undefined> {
  try {
    return await start();
  } catch (error) {
    say(`${name} is not measured: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}
