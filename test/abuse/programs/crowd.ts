import { connect } from 'node:net';

// Opens so many connections to a port of the loopback address and says nothing on them: a process of its own, because each may have
// only so many. Tells its parent when all are open, and ends with it.

const [port, count] = process.argv.slice(2).map(Number);
if (port === undefined || count === undefined) throw new Error('usage: crowd.ts PORT COUNT');

/** More at once would overflow the queue of connections that wait to be accepted. */
const atOnce = 100;
let left = count;

async function open(): Promise<void> {
  while (left > 0) {
    left -= 1;
    await new Promise<void>((resolve, reject) => {
      connect(Number(port), '127.0.0.1', resolve).once('error', reject);
    });
  }
}

await Promise.all(Array.from({ length: atOnce }, open));
process.on('disconnect', () => process.exit(0));
process.send?.('all are open');
