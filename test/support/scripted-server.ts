import { createServer, type Socket } from 'node:net';
import { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import { frameSplitter } from '../../src/kernel/framing.ts';

/** A request as it came in; `op` is undefined for the handshake. */
export interface ScriptedRequest {
  readonly op: number | undefined;
  readonly xid: number;
  readonly body: JuteReader;
  readonly connection: number;
}

export interface ScriptedReply {
  readonly error?: number;
  readonly zxid?: bigint;
  readonly body?: (writer: JuteWriter) => void;
}

/** What the server does with a request: answer it, keep silent, or end the connection. */
export type Script = (request: ScriptedRequest) => ScriptedReply | 'silence' | 'hang up';

export interface ScriptedServer extends AsyncDisposable {
  readonly address: string;
  readonly requests: readonly ScriptedRequest[];
  /** Sends bytes of a frame to every open connection. */
  push(frame: (writer: JuteWriter) => void): void;
}

export const SCRIPTED_SESSION = 0x1234n;

/** A server that speaks ZooKeeper's protocol and says what a test wants: for answers that a real one gives only in odd hours. */
export async function scriptedServer(script: Script, timeoutMs = 10_000): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const send = (socket: Socket, write: (writer: JuteWriter) => void): void => {
    const writer = new JuteWriter();
    write(writer);
    const length = Buffer.alloc(4);
    length.writeInt32BE(writer.lengthBytes);
    socket.write(Buffer.concat([length, writer.finish()]));
  };

  const handshake = (reply: ScriptedReply): ((writer: JuteWriter) => void) => {
    return (
      reply.body ??
      (writer => writer.int(0).int(timeoutMs).long(SCRIPTED_SESSION).bytes(Buffer.alloc(16, 1)))
    );
  };

  const handle = (socket: Socket, request: ScriptedRequest): void => {
    requests.push(request);
    const reply = script(request);
    if (reply === 'silence') return;
    if (reply === 'hang up') return void socket.destroy();
    if (request.op === undefined) return send(socket, handshake(reply));
    send(socket, writer => {
      writer
        .int(request.xid)
        .long(reply.zxid ?? 1n)
        .int(reply.error ?? 0);
      reply.body?.(writer);
    });
  };

  const server = createServer(socket => {
    const connection = connections;
    connections += 1;
    sockets.add(socket);
    const splitter = frameSplitter();
    let greeted = false;
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      splitter.push(chunk);
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
        const body = new JuteReader(frame);
        if (greeted) {
          const xid = body.int();
          handle(socket, { xid, op: body.int(), body, connection });
        } else {
          greeted = true;
          handle(socket, { xid: 0, op: undefined, body, connection });
        }
      }
    });
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    address: `127.0.0.1:${port}`,
    requests,
    push: frame => sockets.forEach(socket => send(socket, frame)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => {
        server.close(resolve);
      });
    },
  };
}
