import type { Logger } from '../kernel/log.ts';
import type { Database } from './database.ts';
import type { Caller } from './decide.ts';
import type { Hello, Passwords } from './handshake.ts';
import type { Journal } from './journal.ts';
import type { FairClock, Session } from './sessions.ts';
import type { Watcher } from './watches.ts';

/** One client's connection, from its first byte to its last. */
export interface Connection extends Watcher, Caller {
  readonly id: number;
  /** `address:port` */
  readonly remote: string;
  readonly session: Session<Connection> | undefined;
  /** Since when it has been there without a session, or has been over without its client having read the rest. */
  readonly lingersSinceMs: number;
  /** Requests and frames so far. */
  readonly received: number;
  readonly sent: number;
  /** Its requests wait for the disk, and are not even read: nobody knows what its client says meanwhile. */
  readonly held: boolean;
  /** Sends what may be sent; whether nothing is left, neither to send nor to do. */
  flush(durable: number): boolean;
  /** Sends what is queued, then ends. */
  finish(): void;
  /** Ends now. */
  destroy(reason: string): void;
}

export interface Limits {
  /** `jute.maxbuffer`: larger requests end the connection. */
  readonly maxBufferBytes: number;
  /** How much of its events a client may leave unread before it is cut off. */
  readonly maxUnreadEventBytes: number;
  readonly maxConnections: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
}

/** What a connection needs of the server that it belongs to. */
export interface Host {
  readonly database: Database;
  readonly journal: Journal;
  readonly passwords: Passwords;
  readonly fair: FairClock;
  readonly limits: Limits;
  readonly logger: Logger;
  /** Takes up the session that the client names, or gives it a new one; undefined when the one it names is gone. */
  attach(hello: Hello, connection: Connection): Session<Connection> | undefined;
  endSession(sessionId: bigint): void;
  /** A client has sent something: its session lives on. */
  heard(session: Session<Connection>): void;
  /** The connection has something to send. */
  due(connection: Connection): void;
  tooSlow(connection: Connection): void;
  /** The connection takes nothing more. */
  ended(connection: Connection): void;
  /** Its socket is closed. */
  gone(connection: Connection): void;
  /** The answer to a four-letter word, undefined for any other bytes. */
  fourLetters(word: string): string | undefined;
}
