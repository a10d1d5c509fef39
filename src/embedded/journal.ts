import { randomBytes } from 'node:crypto';
import type { Transaction } from './change.ts';
import { freshTree, type Tree } from './tree.ts';

/** Where transactions go before anybody is told of them. */
export interface Journal {
  /** Told of what happens to the writes; the last one told counts. */
  listen(listener: JournalListener): void;
  /** Transactions handed in so far. */
  readonly appended: number;
  /** How many of them can no longer be lost. */
  readonly durable: number;
  /** What was handed in and is not durable yet, as it lies in memory. */
  readonly backlogBytes: number;
  /** False while the disk takes nothing: nobody may be answered. */
  readonly healthy: boolean;
  append(transaction: Transaction): void;
  /** Begins to write what was handed in, unless a write is under way (then it goes with the next). */
  flush(): void;
  /** Writes what is left and lets go of the files. */
  close(): Promise<void>;
}

export interface JournalListener {
  /** More is durable than before. */
  durable(): void;
  /** The disk takes nothing; what was not durable yet will be tried again, and nobody may hear of it until then. */
  failed(error: unknown): void;
  /** It does again, and all is durable. */
  healed(): void;
}

/** What a server starts from. */
export interface Store {
  readonly tree: Tree;
  readonly zxid: number;
  /** What session passwords are made of. */
  readonly secret: Buffer;
  /** Timeouts of the sessions that were alive, by id. */
  readonly sessions: ReadonlyMap<bigint, number>;
  readonly journal: Journal;
}

/** Memory only: nothing is kept, and so nothing is waited for. */
const memoryJournal: Journal = {
  appended: 0,
  durable: 0,
  backlogBytes: 0,
  healthy: true,
  listen: () => undefined,
  append: () => undefined,
  flush: () => undefined,
  close: () => Promise.resolve(),
};

/**
 * A tree that is forgotten with the process. Its zxids begin with the time: a client of an earlier life must not have seen a
 * higher one, or it would be refused for ever instead of being told that its session is gone.
 */
export function memoryStore(wallMs: number): Store {
  return {
    tree: freshTree(),
    zxid: firstZxid(wallMs),
    secret: randomBytes(SECRET_BYTES),
    sessions: new Map(),
    journal: memoryJournal,
  };
}

export const SECRET_BYTES = 32;

export const firstZxid = (wallMs: number): number => Math.floor(wallMs) * 1000;
