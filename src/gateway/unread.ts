import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** In one time limit connections are looked through so many times. */
const looks = 4;

/**
 * Cuts callers off who have taken nothing for `timeoutMs` of an answer that lies ready for them: it would stay in memory, and count as
 * running, for as long as they like. Requests pay nothing for it: the connections in use are looked through now and then, and only
 * one with unread bytes gets a timer. It is the socket's own, because that sees progress within one large write too. Ends when the
 * timer that it returns is cleared.
 */
export function watchUnread(server: Server, inUse: () => Iterable<Socket>, timeoutMs: number): NodeJS.Timeout {
  // With a listener Node leaves it to us what is closed.
  server.on('timeout', (socket: Socket) => {
    const used = new Set(inUse()).has(socket);
    if (!used || socket.writableLength > 0) socket.destroy();
  });
  const timer = setInterval(() => {
    for (const socket of inUse()) if (socket.writableLength > 0 && !socket.timeout) socket.setTimeout(timeoutMs);
  }, timeoutMs / looks);
  return timer.unref();
}
