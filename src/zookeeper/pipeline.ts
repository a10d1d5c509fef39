import { RollcallError } from '../kernel/errors.ts';
import type { JuteReader } from '../kernel/jute.ts';
import { setXid, type ReplyHeader } from './protocol.ts';

export interface Reply {
  readonly zxid: bigint;
  /** ZooKeeper's code; 0 when all is well. */
  readonly error: number;
  readonly body: JuteReader;
}

/** A request on its way. */
export interface Pending {
  readonly op: number;
  readonly frame: Buffer;
  /** The epoch it may be sent in, at the latest. */
  readonly untilEpoch: number;
  /** Called once, in the order of the frames that arrive: with an answer (also one that is an error), or with why there is none. */
  done(failure: RollcallError | undefined, reply: Reply | undefined): void;
}

/**
 * So many requests are on the wire at most; the rest waits here. An answer then comes soon after its request was sent, which the
 * session's clock relies on, and the server (which stops reading at 1 000 outstanding requests) never holds back our pings.
 */
const WINDOW_REQUESTS = 1000;
const WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_QUEUED = 250_000;
/** xids are positive 32-bit ints; we begin anew long before the end. */
const LAST_XID = 0x7fff_fff0;

interface InFlight {
  readonly pending: Pending;
  readonly xid: number;
  readonly sentAtMs: number;
}

export interface Pipeline {
  /** Queues a request; it goes out at once when the gate is open and the window has room. */
  push(pending: Pending): void;
  /** Takes back a request that was not sent; false when it was. */
  withdraw(pending: Pending): boolean;
  /** Sends past the gate, before user operations: to put watches in place. */
  first(pending: Pending, xid: number): void;
  /** The connection is ready for user operations. */
  open(): void;
  /** The connection is gone: what was in flight fails, what was not sent waits for the next. */
  shut(error: RollcallError): void;
  /** Fails what waits for an epoch up to `epoch` (all, when undefined). */
  failQueued(error: RollcallError, epoch?: number): void;
  /** Handles a reply; `before` is told when its request was sent, before the request is. @throws RollcallError MALFORMED_PACKET when it answers nothing we asked. */
  answer(header: ReplyHeader, body: JuteReader, before: (sentAtMs: number) => void): void;
  readonly inFlight: number;
  readonly queued: number;
}

export interface PipelineOptions {
  readonly nowMs: () => number;
  readonly send: (frame: Buffer, op: number) => void;
  readonly firstXid?: number;
}

export function pipeline(options: PipelineOptions): Pipeline {
  const queue = new Set<Pending>();
  let inFlight: InFlight[] = [];
  let inFlightBytes = 0;
  let isOpen = false;
  let nextXid = options.firstXid ?? 1;

  const takeXid = (): number => {
    const xid = nextXid;
    nextXid = nextXid >= LAST_XID ? 1 : nextXid + 1;
    return xid;
  };

  const send = (pending: Pending, xid: number): void => {
    setXid(pending.frame, xid);
    inFlight.push({ pending, xid, sentAtMs: options.nowMs() });
    inFlightBytes += pending.frame.length;
    options.send(pending.frame, pending.op);
  };

  const flush = (): void => {
    if (!isOpen || queue.size === 0) return;
    for (const pending of queue) {
      if (inFlight.length >= WINDOW_REQUESTS || inFlightBytes >= WINDOW_BYTES) return;
      queue.delete(pending);
      send(pending, takeXid());
    }
  };

  return {
    get inFlight() {
      return inFlight.length;
    },
    get queued() {
      return queue.size;
    },
    push(pending) {
      if (queue.size >= MAX_QUEUED) {
        pending.done(
          new RollcallError(
            'LIMIT_REACHED',
            `${MAX_QUEUED} requests are waiting for ZooKeeper already`,
          ),
          undefined,
        );
        return;
      }
      queue.add(pending);
      flush();
    },
    withdraw: pending => queue.delete(pending),
    first: send,
    open() {
      isOpen = true;
      flush();
    },
    shut(error) {
      isOpen = false;
      const broken = inFlight;
      inFlight = [];
      inFlightBytes = 0;
      for (const { pending } of broken) pending.done(error, undefined);
    },
    failQueued(error, epoch) {
      for (const pending of [...queue]) {
        if (epoch !== undefined && pending.untilEpoch > epoch) continue;
        if (queue.delete(pending)) pending.done(error, undefined);
      }
    },
    answer(header, body, before) {
      const oldest = inFlight[0];
      if (oldest === undefined || oldest.xid !== header.xid) {
        throw new RollcallError(
          'MALFORMED_PACKET',
          `the server answered request ${header.xid}, ${oldest?.xid ?? 'none'} was next`,
        );
      }
      inFlight.shift();
      inFlightBytes -= oldest.pending.frame.length;
      before(oldest.sentAtMs);
      oldest.pending.done(undefined, { zxid: header.zxid, error: header.error, body });
      flush();
    },
  };
}
