import { createHmac, timingSafeEqual } from 'node:crypto';
import { JuteReader, JuteWriter } from '../kernel/jute.ts';
import { sealFrame } from '../kernel/wire.ts';

const PASSWORD_BYTES = 16;

/** ConnectRequest. */
export interface Hello {
  /** The newest change that the client knows of. */
  readonly lastZxid: number;
  readonly timeoutMs: number;
  /** 0n asks for a new session. */
  readonly sessionId: bigint;
  readonly password: Buffer;
  /** Clients older than 3.4 do not send the read-only flag, and do not expect it back. */
  readonly withReadOnly: boolean;
}

/** @throws RollcallError MALFORMED_PACKET. */
export function readHello(frame: Buffer): Hello {
  const reader = new JuteReader(frame);
  reader.int();
  return {
    lastZxid: reader.safeLong(),
    timeoutMs: reader.int(),
    sessionId: reader.long(),
    password: reader.bytes() ?? Buffer.alloc(0),
    withReadOnly: reader.remainingBytes > 0,
  };
}

/** ConnectResponse. Without a session it says that the one asked for is gone. */
export function welcomeFrame(
  session:
    | { readonly id: bigint; readonly timeoutMs: number; readonly password: Buffer }
    | undefined,
  withReadOnly: boolean,
): Buffer {
  const writer = new JuteWriter(41)
    .int(0)
    .int(0)
    .int(session?.timeoutMs ?? 0)
    .long(session?.id ?? 0n)
    .bytes(session?.password ?? Buffer.alloc(PASSWORD_BYTES));
  if (withReadOnly) writer.bool(false);
  return sealFrame(writer.finish());
}

/** Passwords of sessions: nobody can guess one, and they outlive a restart as the secret does. */
export interface Passwords {
  of(sessionId: bigint): Buffer;
  isRight(sessionId: bigint, password: Buffer): boolean;
}

export function passwords(secret: Buffer): Passwords {
  const of = (sessionId: bigint): Buffer =>
    createHmac('sha256', secret).update(sessionId.toString()).digest().subarray(0, PASSWORD_BYTES);
  return {
    of,
    isRight: (sessionId, password) =>
      password.length === PASSWORD_BYTES && timingSafeEqual(password, of(sessionId)),
  };
}
