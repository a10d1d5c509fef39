import { JuteReader, JuteWriter } from '../kernel/jute.ts';
import { sealFrame } from './protocol.ts';

const PROTOCOL_VERSION = 0;
const PASSWORD_BYTES = 16;

/** What lets us take a session up again. */
export interface Credentials {
  /** 0n asks for a new session. */
  readonly sessionId: bigint;
  readonly password: Buffer;
}

export const NEW_SESSION: Credentials = { sessionId: 0n, password: Buffer.alloc(PASSWORD_BYTES) };

export interface Hello extends Credentials {
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
}

/** ConnectRequest, with the read-only flag that servers since 3.4 look for. */
export function helloFrame(hello: Hello): Buffer {
  const writer = new JuteWriter()
    .int(0)
    .int(PROTOCOL_VERSION)
    .long(hello.lastZxid)
    .int(Math.round(hello.timeoutMs));
  return sealFrame(writer.long(hello.sessionId).bytes(hello.password).bool(false).finish());
}

export interface Welcome extends Credentials {
  /** 0 or less: the session we asked for is gone. */
  readonly timeoutMs: number;
}

/** ConnectResponse. */
export function readWelcome(frame: Buffer): Welcome {
  const reader = new JuteReader(frame);
  reader.int();
  return {
    timeoutMs: reader.int(),
    sessionId: reader.long(),
    password: reader.bytes() ?? Buffer.alloc(PASSWORD_BYTES),
  };
}
