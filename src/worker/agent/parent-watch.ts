import { Socket } from 'node:net';

/**
 * Calls `onGone` once, when the process at the other end of the inherited pipe `fd` is gone, by kill -9 too: the kernel closes its end.
 * Throws a RangeError when `fd` is not an open pipe. Returns what stops the watch.
 */
export function watchParent(fd: number, onGone: () => void): () => void {
  let pipe: Socket;
  try {
    pipe = new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    throw new RangeError(`MODELFLEET_PARENT_FD=${fd} is not an open pipe`, { cause: error });
  }
  let over = false;
  const gone = () => {
    if (over) return;
    over = true;
    onGone();
  };
  pipe.on('end', gone).on('error', gone).on('close', gone).resume();
  pipe.unref();
  return () => {
    over = true;
    pipe.destroy();
  };
}
