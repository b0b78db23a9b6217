import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * `running`: in the order in which it came; more than one where a caller does not wait for answers.
 * `sinceBytes`: what the connection had brought when it became idle. More than that is the beginning of a request.
 */
type Entry<Work> = { readonly running: Work[]; idleSince: number; sinceBytes: number };

/**
 * The open connections of an HTTP or HTTPS server, the work that runs for the requests on each, and since when one is idle: nothing of
 * a request has come since its last answer.
 */
export class Connections<Work> {
  /** How much work runs on all of them. */
  runningCount = 0;
  /** Those that speak HTTP by now. */
  private readonly entries = new Map<Socket, Entry<Work>>();
  /** All of them, also those in the middle of a TLS handshake. */
  private readonly sockets = new Set<Socket>();
  private readonly onNone = new Set<() => void>();

  constructor(server: Server, secure: boolean, now: () => number) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.closed(socket));
    });
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      // What lies unread is the beginning of a request, as behind the header of a proxy.
      this.entries.set(socket, { running: [], idleSince: now(), sinceBytes: socket.bytesRead - socket.readableLength });
      socket.once('close', () => this.entries.delete(socket));
    });
  }

  /** Resolves when no connection is open, or when `signal` aborts. */
  none(signal: AbortSignal): Promise<void> {
    if (this.sockets.size === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.onNone.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.onNone.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Whether HTTP is spoken on it: not before a TLS handshake is through. */
  has(socket: Socket): boolean {
    return this.entries.has(socket);
  }

  began(socket: Socket, work: Work): void {
    this.runningCount += 1;
    this.entries.get(socket)?.running.push(work);
  }

  ended(socket: Socket, work: Work, now: number): void {
    this.runningCount -= 1;
    const entry = this.entries.get(socket);
    if (!entry) return;
    const at = entry.running.indexOf(work);
    if (at >= 0) entry.running.splice(at, 1);
    entry.idleSince = now;
    entry.sinceBytes = socket.bytesRead;
  }

  /** All that runs now, on whatever connection. */
  *running(): Iterable<Work> {
    for (const { running } of this.entries.values()) yield* running;
  }

  /** What runs for the last request on a connection, unless it has ended. */
  lastOn(socket: Socket): Work | undefined {
    return this.entries.get(socket)?.running.at(-1);
  }

  /** The connections that something runs on. */
  *inUse(): Iterable<Socket> {
    for (const [socket, { running }] of this.entries) if (running.length > 0) yield socket;
  }

  /** Closes every connection that has been idle since `instant` or longer. */
  closeIdleSince(instant: number): void {
    for (const [socket, { running, idleSince, sinceBytes }] of this.entries) {
      if (running.length === 0 && idleSince <= instant && socket.bytesRead === sinceBytes) socket.destroy();
    }
  }

  /** Cuts everything. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private closed(socket: Socket): void {
    this.sockets.delete(socket);
    if (this.sockets.size === 0) for (const done of this.onNone) done();
  }
}
