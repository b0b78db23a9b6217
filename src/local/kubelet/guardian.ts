import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from '../../core/logger.ts';

// Keeps the newest list of groups; when the kubelet is gone its input ends, and what is still on the list is ended.
const script = `trap '' HUP INT TERM
while read -r line; do groups=$line; done
[ -n "$groups" ] || exit 0
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
sleep 2
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done`;

/**
 * A shell that outlives a killed kubelet just long enough to end its containers: programs that know nothing of the pipe at descriptor 3
 * would go on running. It costs one sleeping process for all pods.
 */
export class Guardian {
  private readonly groups = new Set<number>();
  private readonly logger: Logger;
  private child: ChildProcess;
  private closing = false;

  constructor(logger: Logger) {
    this.logger = logger;
    this.child = this.start();
  }

  watch(pid: number): void {
    this.groups.add(pid);
    this.tell();
  }

  forget(pid: number): void {
    if (this.groups.delete(pid)) this.tell();
  }

  /** Ends the guardian; it ends the groups that are still watched. */
  async close(): Promise<void> {
    this.closing = true;
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.stdin?.end();
    await exited;
  }

  private start(): ChildProcess {
    const child = spawn('/bin/sh', ['-c', script, 'modelfleet-guardian'], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin?.on('error', () => undefined); // told by 'exit'
    child.once('error', (error) => this.logger.error({ err: error }, 'the guardian of container processes cannot be started'));
    child.once('exit', () => {
      if (this.closing) return;
      this.logger.warn('the guardian of container processes ended; starting another');
      this.child = this.start();
      this.tell();
    });
    return child;
  }

  private tell(): void {
    this.child.stdin?.write(`${[...this.groups].join(' ')}\n`);
  }
}
