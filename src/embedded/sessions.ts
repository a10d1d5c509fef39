/** A session as the server knows it. It outlives its connections. */
export interface Session<Connection> {
  readonly id: bigint;
  timeoutMs: number;
  /** On the fair clock: see `fairClock`. */
  deadlineMs: number;
  connection: Connection | undefined;
}

/** The sessions there are, and which of them have had their time. */
export interface Sessions<Connection> {
  readonly size: number;
  find(id: bigint): Session<Connection> | undefined;
  add(id: bigint, timeoutMs: number, nowMs: number): Session<Connection>;
  /** The client was heard. */
  touch(session: Session<Connection>, nowMs: number): void;
  remove(id: bigint): void;
  expired(nowMs: number): readonly Session<Connection>[];
  all(): IterableIterator<Session<Connection>>;
}

export function sessions<Connection>(tickTimeMs: number): Sessions<Connection> {
  const byId = new Map<bigint, Session<Connection>>();
  return {
    get size() {
      return byId.size;
    },
    find: id => byId.get(id),
    add(id, timeoutMs, nowMs) {
      const deadlineMs = deadlineAfter(nowMs, timeoutMs, tickTimeMs);
      const session = { id, timeoutMs, deadlineMs, connection: undefined };
      byId.set(id, session);
      return session;
    },
    touch(session, nowMs) {
      session.deadlineMs = deadlineAfter(nowMs, session.timeoutMs, tickTimeMs);
    },
    remove: id => void byId.delete(id),
    expired: nowMs => [...byId.values()].filter(({ deadlineMs }) => deadlineMs <= nowMs),
    all: () => byId.values(),
  };
}

/** Rounded up to the next tick, as ZooKeeper does: never sooner than the timeout, up to a tick later. */
function deadlineAfter(nowMs: number, timeoutMs: number, tickTimeMs: number): number {
  return (Math.floor((nowMs + timeoutMs) / tickTimeMs) + 1) * tickTimeMs;
}

/** The timeout that is granted: between 2 and 20 ticks unless said otherwise. */
export function negotiate(
  wantedMs: number,
  limits: { readonly minMs: number; readonly maxMs: number },
): number {
  return Math.min(limits.maxMs, Math.max(limits.minMs, wantedMs));
}

/**
 * A clock that stands still while this process does. Timers run before sockets are read: after a stall of the event loop (or
 * of the whole machine) the pings that would have kept a session alive lie unread, and a plain clock would expire it.
 */
export interface FairClock {
  nowMs(): number;
  /** Called by a timer that should have fired `dueMs` (on the real clock): what it is late beyond `slackMs` does not count. */
  fired(dueMs: number): void;
}

export function fairClock(nowMs: () => number, slackMs = 20): FairClock {
  let stoodMs = 0;
  return {
    nowMs: () => nowMs() - stoodMs,
    fired(dueMs) {
      const lateMs = nowMs() - dueMs;
      if (lateMs > slackMs) stoodMs += lateMs;
    },
  };
}
