import type { Server, Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { after } from '../timers.ts';
import { readProxyHeader } from './header.ts';
import type { Networks } from './networks.ts';

/** How often it is said that connections are closed: whoever is in front may open thousands a second. */
const complainMs = 10_000;

const nothing = Buffer.alloc(0);

/** What the proxies need. */
type ProxiesOptions = {
  /** Where they are. */
  readonly from: Networks;
  /** Longest time until a header is complete. */
  readonly headerTimeoutMs: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
};

/**
 * The proxies in front of a server, which tell who calls by the PROXY protocol. A connection that is not from one of them, or does
 * not begin with a valid header, is closed: who believed one without would believe every caller's word.
 */
export class Proxies {
  private readonly options: ProxiesOptions;
  /** Callers by connection. The key is the connection's addresses, which a TLS socket has in common with the one below it. */
  private readonly callers = new Map<string, string>();
  /** Connections that have not brought their header yet. */
  private readonly arriving = new Set<Socket>();
  private complainedAt = Number.NEGATIVE_INFINITY;
  private untold = 0;

  constructor(options: ProxiesOptions) {
    this.options = options;
  }

  /** Lets the listeners that `server` has by now see a connection once its header has been read, and no byte of that. */
  standBefore(server: Server): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) =>
      this.receive(socket, () => {
        for (const listener of listeners) listener.call(server, socket);
      }),
    );
  }

  /** Address of the caller behind a connection; undefined when its proxy tells none. */
  callerOf(socket: Socket): string | undefined {
    return this.callers.get(keyOf(socket));
  }

  /** Closes the connections that have not brought their header yet. */
  destroy(): void {
    for (const socket of this.arriving) socket.destroy();
  }

  private receive(socket: Socket, admit: () => void): void {
    if (socket.remoteAddress === undefined) {
      socket.destroy(); // it is gone already
      return;
    }
    if (!this.options.from.has(socket.remoteAddress)) {
      this.refuse(socket, 'is not in a network of --proxy-protocol-from');
      return;
    }
    let held: Buffer = nothing;
    let needed = 1;
    const release = () => {
      clearTimeout(timer);
      this.arriving.delete(socket);
      socket.off('readable', read).off('end', leave).off('error', leave).off('close', release);
    };
    const leave = () => socket.destroy(); // a health check that only connects, or a proxy that is gone
    const read = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      if (held.length < needed) return;
      const reading = readProxyHeader(held);
      if (reading.kind === 'partial') {
        needed = reading.atLeast;
        return;
      }
      release();
      if (reading.kind === 'invalid') {
        this.refuse(socket, reading.why);
        return;
      }
      if (reading.caller !== undefined) this.remember(socket, reading.caller);
      if (held.length > reading.bytes) socket.unshift(held.subarray(reading.bytes));
      admit();
    };
    const timer = after(this.options.headerTimeoutMs, () => {
      release();
      this.refuse(socket, 'sends no header in time');
    });
    this.arriving.add(socket);
    socket.on('readable', read).on('end', leave).on('error', leave).on('close', release);
  }

  private remember(socket: Socket, caller: string): void {
    const key = keyOf(socket);
    this.callers.set(key, caller);
    socket.once('close', () => this.callers.delete(key));
  }

  private refuse(socket: Socket, why: string): void {
    const { clock, logger } = this.options;
    const now = clock.now();
    if (now - this.complainedAt >= complainMs) {
      logger.warn({ from: socket.remoteAddress, why, before: this.untold }, 'a connection is closed: its peer is no proxy as expected');
      this.complainedAt = now;
      this.untold = 0;
    } else this.untold += 1;
    socket.on('error', () => {}); // it is being closed
    socket.destroy();
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
