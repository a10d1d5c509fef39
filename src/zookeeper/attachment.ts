import type { Clock } from '../kernel/clock.ts';
import { hasCode, RollcallError } from '../kernel/errors.ts';
import { JuteReader } from '../kernel/jute.ts';
import type { DigestAuth, TlsOptions, WatchEvent, WatchEventType } from './api.ts';
import { type Credentials, helloFrame, NEW_SESSION, readWelcome } from './handshake.ts';
import { openLink } from './link.ts';
import type { Liveness } from './liveness.ts';
import type { Pipeline } from './pipeline.ts';
import { OP, readReplyHeader, type ReplyHeader, requestFrame, setXid, XID } from './protocol.ts';
import type { RearmRequest } from './rearm.ts';
import { connectionLoss, serverError } from './server-errors.ts';
import type { ServerAddress } from './server-list.ts';

/** How it ended with one server. */
export type Ending =
  /** It took us; later the connection ended. */
  | { readonly kind: 'detached'; readonly error: RollcallError; readonly attachedForMs: number }
  | {
      readonly kind: 'failed';
      readonly error: RollcallError;
      /** It accepted the connection, and closed it instead of answering the handshake. */
      readonly shunned: boolean;
    }
  /** The session is gone on the server: the next try asks for a new one. */
  | { readonly kind: 'expired' }
  /** It does not accept our credentials. */
  | { readonly kind: 'refused'; readonly error: RollcallError };

/** What outlives a connection. */
export interface SessionMemory {
  credentials: Credentials;
  /** Every watch event up to it was dispatched before it was set. */
  lastZxid: bigint;
}

export interface AttachmentOptions {
  readonly server: ServerAddress;
  readonly tls: TlsOptions | undefined;
  readonly auth: readonly DigestAuth[];
  readonly askedTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly alive: Liveness;
  readonly requests: Pipeline;
  readonly memory: SessionMemory;
  readonly hooks: AttachmentHooks;
}

export interface AttachmentHooks {
  /** Looks at the clock: the answer at hand may come too late, and end this attachment. */
  look(): void;
  welcomed(): void;
  /** The watches to put in place again. */
  rearm(relativeZxid: bigint): readonly RearmRequest[];
  /** All is in place; user operations follow when this returns. */
  attached(): void;
  /** The end of what `attached` began. */
  detached(error: RollcallError): void;
  expired(): void;
  event(event: WatchEvent): void;
  counted(op: number, bytes: number): void;
  answeredBytes(bytes: number): void;
}

export interface Attachment {
  readonly address: string;
  readonly isAttached: boolean;
  /** Past the handshake: the server knows our session on this connection. */
  readonly isWelcome: boolean;
  readonly ended: Promise<Ending>;
  send(frame: Buffer, op: number): void;
  ping(): void;
  drop(error: RollcallError): void;
}

const SESSION_EXPIRED = -112;

const EVENT_TYPES: ReadonlyMap<number, WatchEventType> = new Map([
  [1, 'created'],
  [2, 'deleted'],
  [3, 'data-changed'],
  [4, 'children-changed'],
] as const);

/** One connection's life: TCP, TLS, handshake, auth, watches, user operations, end. Always in this order. */
export function openAttachment(options: AttachmentOptions): Attachment {
  const { clock, alive, requests, memory, hooks } = options;
  let phase: 'opening' | 'welcoming' | 'arming' | 'attached' | 'over' = 'opening';
  let helloSentAtMs = 0;
  let attachedAtMs = 0;
  let awaited = 0;
  /** zxids of answers while watches are not all in place: they say nothing of the events yet. */
  let armedZxid = 0n;
  const authSentAtMs: number[] = [];
  const pingSentAtMs: number[] = [];
  let finish: (ending: Ending) => void = () => undefined;
  const ended = new Promise<Ending>(resolve => {
    finish = resolve;
  });

  const over = (ending: Ending, error: RollcallError): void => {
    if (phase === 'over') return;
    const wasAttached = phase === 'attached';
    phase = 'over';
    deadline.cancel();
    link.destroy(error);
    requests.shut(asLoss(error));
    if (wasAttached) hooks.detached(error);
    if (ending.kind === 'expired') {
      memory.credentials = NEW_SESSION;
      hooks.expired();
    }
    finish(ending);
  };

  const drop = (error: RollcallError, shunned = false): void => {
    const attachedForMs = clock.nowMs() - attachedAtMs;
    const wasAttached = phase === 'attached';
    over(
      wasAttached ? { kind: 'detached', error, attachedForMs } : { kind: 'failed', error, shunned },
      error,
    );
  };

  const expire = (): void =>
    over(
      { kind: 'expired' },
      new RollcallError('SESSION_LOST', 'the server says that the session has expired'),
    );

  const send = (frame: Buffer, op: number): void => {
    hooks.counted(op, frame.length);
    link.write(frame);
  };

  const opened = (): void => {
    phase = 'welcoming';
    helloSentAtMs = clock.nowMs();
    link.write(
      helloFrame({
        ...memory.credentials,
        lastZxid: memory.lastZxid,
        timeoutMs: options.askedTimeoutMs,
      }),
    );
  };

  const welcome = (frame: Buffer): void => {
    const { timeoutMs, sessionId, password } = readWelcome(frame);
    if (timeoutMs <= 0) {
      if (memory.credentials.sessionId !== 0n) return expire();
      return drop(connectionLoss(`${link.address} gives no new session`));
    }
    deadline.cancel();
    memory.credentials = { sessionId, password };
    alive.negotiated(timeoutMs, helloSentAtMs);
    phase = 'arming';
    hooks.welcomed();
    for (const { scheme, credentials } of options.auth) authenticate(scheme, credentials);
    for (const { op, frame: body } of hooks.rearm(memory.lastZxid)) rearm(op, body);
    advance();
  };

  const authenticate = (scheme: string, credentials: string): void => {
    const frame = requestFrame(OP.auth, writer =>
      writer.int(0).string(scheme).bytes(Buffer.from(credentials)),
    );
    setXid(frame, XID.auth);
    authSentAtMs.push(clock.nowMs());
    awaited += 1;
    send(frame, OP.auth);
  };

  const rearm = (op: number, frame: Buffer): void => {
    awaited += 1;
    const done = (
      failure: RollcallError | undefined,
      reply: { readonly error: number } | undefined,
    ): void => {
      if (failure !== undefined || phase !== 'arming') return;
      if (reply !== undefined && reply.error !== 0)
        return drop(serverError(reply.error, 'the watches could not be put in place again'));
      awaited -= 1;
    };
    requests.first({ op, frame, untilEpoch: Number.POSITIVE_INFINITY, done }, XID.setWatches);
  };

  const advance = (): void => {
    if (phase !== 'arming' || awaited > 0) return;
    phase = 'attached';
    attachedAtMs = clock.nowMs();
    saw(armedZxid);
    hooks.attached();
    if (isAttached()) requests.open();
  };

  const saw = (zxid: bigint): void => {
    if (phase === 'arming') armedZxid = zxid > armedZxid ? zxid : armedZxid;
    else if (zxid > memory.lastZxid) memory.lastZxid = zxid;
  };

  const authAnswered = (header: ReplyHeader): void => {
    if (header.error !== 0) {
      const error = new RollcallError('AUTH_FAILED', `${link.address} refuses our credentials`, {
        details: { zookeeperCode: header.error },
      });
      return over({ kind: 'refused', error }, error);
    }
    alive.answered(authSentAtMs.shift() ?? Number.NEGATIVE_INFINITY);
    awaited -= 1;
    advance();
  };

  const answered = (header: ReplyHeader, reader: JuteReader): void => {
    requests.answer(header, reader, sentAtMs => {
      alive.answered(sentAtMs);
      saw(header.zxid);
    });
    if (header.error === SESSION_EXPIRED) return expire();
    advance();
  };

  const frame = (bytes: Buffer): void => {
    hooks.look();
    if (phase === 'over') return;
    if (phase === 'welcoming') return welcome(bytes);
    hooks.answeredBytes(bytes.length);
    const reader = new JuteReader(bytes);
    const header = readReplyHeader(reader);
    switch (header.xid) {
      case XID.event:
        return notify(header, reader);
      case XID.ping:
        alive.answered(pingSentAtMs.shift() ?? Number.NEGATIVE_INFINITY);
        return saw(header.zxid);
      case XID.auth:
        return authAnswered(header);
      default:
        return answered(header, reader);
    }
  };

  const notify = (header: ReplyHeader, reader: JuteReader): void => {
    const type = EVENT_TYPES.get(reader.int());
    reader.int();
    const path = reader.string();
    if (type === undefined || path === undefined) return;
    hooks.event({ type, path, zxid: header.zxid > 0n ? header.zxid : undefined });
  };

  const isAttached = (): boolean => phase === 'attached';

  const link = openLink(
    { server: options.server, tls: options.tls, clock },
    { opened, frame, gone: error => drop(error, phase === 'welcoming') },
  );
  const deadline = clock.after(options.connectTimeoutMs, () => {
    if (phase === 'opening' || phase === 'welcoming')
      drop(connectionLoss(`${link.address} did not answer in ${options.connectTimeoutMs} ms`));
  });

  return {
    address: link.address,
    get isAttached() {
      return isAttached();
    },
    get isWelcome() {
      return phase === 'arming' || phase === 'attached';
    },
    ended,
    send,
    ping() {
      const nowMs = clock.nowMs();
      const frameOfPing = requestFrame(OP.ping);
      setXid(frameOfPing, XID.ping);
      pingSentAtMs.push(nowMs);
      alive.pinged(nowMs);
      send(frameOfPing, OP.ping);
    },
    drop: error => drop(error),
  };
}

/** What was on the wire when the connection broke may have been done, whatever broke it. */
function asLoss(error: RollcallError): RollcallError {
  if (hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST', 'SESSION_CLOSED')) return error;
  return connectionLoss('the connection to ZooKeeper was given up', error);
}
