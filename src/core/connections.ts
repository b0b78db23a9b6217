import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** `sinceBytes`: what the connection had brought when it became idle. More than that is the beginning of a request. */
type Entry = { running: number; idleSince: number; sinceBytes: number };

/** The open connections of an HTTP or HTTPS server, and since when each is idle: nothing of a request has come since its last answer. */
export class Connections {
  /** Those that speak HTTP by now. */
  private readonly entries = new Map<Socket, Entry>();
  /** All of them, also those in the middle of a TLS handshake. */
  private readonly sockets = new Set<Socket>();
  private readonly onNone = new Set<() => void>();
  private readonly now: () => number;

  constructor(server: Server, secure: boolean, now: () => number) {
    this.now = now;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.closed(socket));
    });
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      // What lies unread is the beginning of a request, as behind the header of a proxy.
      this.entries.set(socket, { running: 0, idleSince: now(), sinceBytes: socket.bytesRead - socket.readableLength });
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

  began(socket: Socket): void {
    const entry = this.entries.get(socket);
    if (entry) entry.running += 1;
  }

  ended(socket: Socket): void {
    const entry = this.entries.get(socket);
    if (!entry) return;
    entry.running -= 1;
    entry.idleSince = this.now();
    entry.sinceBytes = socket.bytesRead;
  }

  /** Closes every connection that has been idle since `instant` or longer. */
  closeIdleSince(instant: number): void {
    for (const [socket, { running, idleSince, sinceBytes }] of this.entries) {
      if (running === 0 && idleSince <= instant && socket.bytesRead === sinceBytes) socket.destroy();
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
