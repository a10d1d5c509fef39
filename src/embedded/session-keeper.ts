import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Database } from './database.ts';
import type { Hello, Passwords } from './handshake.ts';
import type { Connection, Limits } from './host.ts';
import { periodic } from './periodic.ts';
import { type FairClock, negotiate, type Session, type Sessions, sessions } from './sessions.ts';

/** Opens, takes up, expires and ends sessions. */
export interface SessionKeeper {
  readonly sessions: Sessions<Connection>;
  attach(hello: Hello, connection: Connection): Session<Connection> | undefined;
  end(sessionId: bigint): void;
  heard(session: Session<Connection>): void;
  /** After the server could not serve: nobody is expired for what he could not say. */
  pardon(): void;
  stop(): void;
}

export interface KeeperOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly fair: FairClock;
  readonly limits: Limits;
  readonly tickTimeMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sessions that were there before. */
  readonly known: ReadonlyMap<bigint, number>;
  /** Whether writes can be kept: nobody is expired meanwhile. */
  readonly healthy: () => boolean;
  /** Something was written. */
  readonly wrote: () => void;
}

export function sessionKeeper(options: KeeperOptions): SessionKeeper {
  const { database, fair, limits, tickTimeMs, clock, logger } = options;
  const table = sessions<Connection>(tickTimeMs);
  const sweepEveryMs = Math.max(1, Math.min(500, Math.floor(tickTimeMs / 4)));
  for (const [id, timeoutMs] of options.known) table.add(id, timeoutMs, fair.nowMs());

  const open = (timeoutMs: number): Session<Connection> =>
    table.add(database.openSession(timeoutMs), timeoutMs, fair.nowMs());

  const takeUp = (hello: Hello, timeoutMs: number): Session<Connection> | undefined => {
    const session = table.find(hello.sessionId);
    if (session === undefined || !options.passwords.isRight(hello.sessionId, hello.password))
      return undefined;
    session.connection?.destroy('its session goes on at another connection');
    session.timeoutMs = timeoutMs;
    table.touch(session, fair.nowMs());
    return session;
  };

  const end = (sessionId: bigint): void => {
    table.remove(sessionId);
    database.closeSession(sessionId);
    options.wrote();
  };

  const sweep = (): void => {
    for (const session of table.expired(fair.nowMs())) {
      const { id, timeoutMs, connection } = session;
      if (connection?.held === true) {
        table.touch(session, fair.nowMs());
        continue;
      }
      logger.info({ sessionId: id.toString(16), timeoutMs }, 'a session expired');
      end(id);
      connection?.finish();
    }
  };

  const stop = periodic(clock, sweepEveryMs, dueMs => {
    fair.fired(dueMs);
    if (options.healthy()) sweep();
  });

  return {
    sessions: table,
    attach(hello, connection) {
      const timeoutMs = negotiate(hello.timeoutMs, {
        minMs: limits.minSessionTimeoutMs,
        maxMs: limits.maxSessionTimeoutMs,
      });
      const session = hello.sessionId === 0n ? open(timeoutMs) : takeUp(hello, timeoutMs);
      if (session !== undefined) session.connection = connection;
      return session;
    },
    end,
    heard: session => table.touch(session, fair.nowMs()),
    pardon() {
      for (const session of table.all()) table.touch(session, fair.nowMs());
    },
    stop,
  };
}
