import { connect, type Socket } from 'node:net';
import { frameSplitter } from '../../src/kernel/framing.ts';
import { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import { sealFrame, XID } from '../../src/kernel/wire.ts';

/** One frame from a server, after the handshake. */
export type WireAnswer =
  | {
      readonly kind: 'reply';
      readonly xid: number;
      readonly zxid: bigint;
      readonly error: number;
      readonly body: JuteReader;
    }
  | { readonly kind: 'event'; readonly type: number; readonly path: string | undefined };

export interface WireWelcome {
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Buffer;
  readonly lengthBytes: number;
}

export interface WireHello {
  readonly lastZxid?: bigint;
  readonly timeoutMs?: number;
  readonly sessionId?: bigint;
  readonly password?: Buffer;
  readonly readOnly?: boolean;
}

/** A client of bare frames: it sends what a test wants, and keeps what comes in the order in which it came. */
export interface WireClient extends AsyncDisposable {
  readonly socket: Socket;
  /** Undefined when the server closed instead of answering. */
  hello(hello?: WireHello): Promise<WireWelcome | undefined>;
  /** The next frame; undefined when the connection has ended. */
  next(): Promise<WireAnswer | undefined>;
  /** Sends a request and waits for its reply; events before it go to `events`. */
  call(
    op: number,
    write?: (writer: JuteWriter) => void,
    xid?: number,
  ): Promise<Extract<WireAnswer, { kind: 'reply' }> | undefined>;
  send(op: number, write?: (writer: JuteWriter) => void, xid?: number): void;
  /** Events that came before the last reply that was waited for, and were not taken yet. */
  takeEvents(): readonly Extract<WireAnswer, { kind: 'event' }>[];
  readonly ended: Promise<void>;
}

export async function wireClient(connectString: string): Promise<WireClient> {
  const [host, port] = connectString.split(':');
  const socket = connect({ host: host ?? '', port: Number(port), noDelay: true });
  const splitter = frameSplitter();
  const frames: Buffer[] = [];
  let waiting: (() => void) | undefined;
  let over = false;
  let lastXid = 0;
  let events: Extract<WireAnswer, { kind: 'event' }>[] = [];
  const wake = (): void => {
    waiting?.();
    waiting = undefined;
  };
  const ended = new Promise<void>(resolve => {
    socket.on('close', () => {
      over = true;
      resolve();
      wake();
    });
  });
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    splitter.push(chunk);
    for (let frame = splitter.next(); frame !== undefined; frame = splitter.next())
      frames.push(frame);
    wake();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });

  const nextFrame = async (): Promise<Buffer | undefined> => {
    for (;;) {
      const frame = frames.shift();
      if (frame !== undefined || over) return frame;
      await new Promise<void>(resolve => {
        waiting = resolve;
      });
    }
  };

  const next = async (): Promise<WireAnswer | undefined> => {
    const frame = await nextFrame();
    if (frame === undefined) return undefined;
    const body = new JuteReader(frame);
    const [xid, zxid, error] = [body.int(), body.long(), body.int()];
    if (xid !== XID.event) return { kind: 'reply', xid, zxid, error, body };
    const type = body.int();
    body.int();
    return { kind: 'event', type, path: body.string() };
  };

  const send: WireClient['send'] = (op, write, xid = (lastXid += 1)) => {
    const writer = new JuteWriter().int(0).int(xid).int(op);
    write?.(writer);
    socket.write(sealFrame(writer.finish()));
  };

  return {
    socket,
    ended,
    next,
    send,
    async hello(hello = {}) {
      const writer = new JuteWriter()
        .int(0)
        .int(0)
        .long(hello.lastZxid ?? 0n);
      writer.int(hello.timeoutMs ?? 10_000).long(hello.sessionId ?? 0n);
      writer.bytes(hello.password ?? Buffer.alloc(16));
      if (hello.readOnly !== undefined) writer.bool(hello.readOnly);
      socket.write(sealFrame(writer.finish()));
      const frame = await nextFrame();
      if (frame === undefined) return undefined;
      const reader = new JuteReader(frame);
      reader.int();
      const timeoutMs = reader.int();
      const sessionId = reader.long();
      const password = reader.bytes() ?? Buffer.alloc(0);
      return { timeoutMs, sessionId, password, lengthBytes: frame.length };
    },
    async call(op, write, xid) {
      send(op, write, xid);
      for (;;) {
        const answer = await next();
        if (answer === undefined) return undefined;
        if (answer.kind === 'reply') return answer;
        events.push(answer);
      }
    },
    takeEvents() {
      const taken = events;
      events = [];
      return taken;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await ended;
    },
  };
}
