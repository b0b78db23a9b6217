import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What a hostile worker does with a connection once a request has come: writes these pieces, each in a write of its own, and then ends, breaks or keeps it. */
export type Script = { readonly pieces: readonly (string | Uint8Array)[]; readonly atEnd: 'end' | 'reset' | 'stay' };

/** A worker that answers with bytes that it is told, whether they are HTTP or not. */
export type HostileWorker = {
  readonly origin: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** How many requests have come. */
  readonly requests: number;
  play(script: Script): void;
  close(): Promise<void>;
};

export async function startHostileWorker(): Promise<HostileWorker> {
  let script: Script = { pieces: [], atEnd: 'end' };
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined); // the gateway may leave at any moment
    let received = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      const request = /^POST [\s\S]*?content-length: (\d+)[\s\S]*?\r\n\r\n/i.exec(received);
      if (!request || received.length < request[0].length + Number(request[1])) return;
      received = '';
      requests += 1;
      perform(socket, script);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return sockets.size;
    },
    get requests() {
      return requests;
    },
    play: (next) => {
      script = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function perform(socket: Socket, { pieces, atEnd }: Script): void {
  socket.setNoDelay(true);
  let index = 0;
  const next = () => {
    if (socket.destroyed) return;
    const piece = pieces[index];
    index += 1;
    if (piece !== undefined) socket.write(piece, () => setImmediate(next));
    else if (atEnd === 'end') socket.end();
    else if (atEnd === 'reset') socket.resetAndDestroy();
  };
  next();
}
