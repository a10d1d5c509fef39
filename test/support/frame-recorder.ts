import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a server on which every frame that clients send is kept. */
export interface FrameRecorder extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  /** For each connection what came up it, lengths included; the first frame of each is its greeting. */
  connections(): readonly (readonly Buffer[])[];
}

export async function frameRecorder(target: string): Promise<FrameRecorder> {
  const [host = '', targetPort] = target.split(':');
  const connections: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, client => {
    const server = connect({ host, port: Number(targetPort), noDelay: true });
    const sent: Buffer[] = [];
    connections.push(sent);
    client.on('data', (chunk: Buffer) => sent.push(chunk));
    client.pipe(server).pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined); // 'close' follows
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    address: `127.0.0.1:${port}`,
    connections: () => connections.map(sent => framesOf(Buffer.concat(sent))),
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => void listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Four letters to a server look like a length that cannot be: they are no frame. */
function framesOf(bytes: Buffer): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readInt32BE(at);
    if (end < at + 4 || end > bytes.length) break;
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}
