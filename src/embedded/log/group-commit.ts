import type { Clock, Timer } from '../../kernel/clock.ts';
import { JuteWriter } from '../../kernel/jute.ts';
import type { Transaction } from '../change.ts';
import type { Journal, JournalListener } from '../journal.ts';
import { encodeFrame, FILE_HEAD_BYTES, type FileHead } from './frames.ts';
import { writeTransaction } from './transaction-codec.ts';

/** A log on a disk. */
export interface LogFile {
  readonly head: FileHead;
  /** Puts `bytes` at `position` and resolves when they are on the disk, not merely in its cache. */
  write(bytes: Buffer, position: number): Promise<void>;
  truncate(lengthBytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface GroupCommitOptions {
  readonly file: LogFile;
  /** How much of it is whole: where the next write goes. */
  readonly wholeBytes: number;
  readonly clock: Clock;
  /** From this size on `rotate` is called between two writes. */
  readonly rotateAfterBytes: number;
  /**
   * Called at a moment when the tree holds exactly what was handed in, up to `zxid`. What it returns is called when all that is
   * durable, and resolves with the log to go on with, or undefined to stay with this one. It may also decline at once.
   */
  readonly rotate: (zxid: number) => (() => Promise<LogFile | undefined>) | undefined;
  /** Told of each transaction that is handed in. */
  readonly observe?: (transaction: Transaction) => void;
  /** The last thing that `close` does. */
  readonly released?: () => Promise<void>;
}

const RETRY_MS = 1_000;
const FIRST_BATCH_BYTES = 4_096;

const silent: JournalListener = {
  durable: () => undefined,
  failed: () => undefined,
  healed: () => undefined,
};

/**
 * Transactions that come while a write is under way go to the disk together, in the next one. A write that fails is made again
 * from where the log was whole, since nobody knows what of it reached the disk; until it has succeeded nothing is durable.
 */
export function groupCommit(options: GroupCommitOptions): Journal {
  const { clock, rotateAfterBytes } = options;
  let { file, wholeBytes } = options;
  let listener = silent;
  let appended = 0;
  let durable = 0;
  let lastZxid = 0;
  let pending = new JuteWriter(FIRST_BATCH_BYTES);
  let writingBytes = 0;
  let healthy = true;
  let closed = false;
  let running: Promise<void> | undefined;
  let retry: { readonly timer: Timer; readonly now: () => void } | undefined;

  const pause = (): Promise<void> =>
    new Promise(resolve => {
      retry = { timer: clock.after(RETRY_MS, resolve, { unref: true }), now: resolve };
    });

  const writeUntilDurable = async (frame: Buffer): Promise<boolean> => {
    for (;;) {
      try {
        await file.write(frame, wholeBytes);
        wholeBytes += frame.length;
        return true;
      } catch (error) {
        if (healthy) listener.failed(error);
        healthy = false;
      }
      if (!closed) await pause();
      if (closed) return false;
      await file.truncate(wholeBytes).catch(() => undefined);
    }
  };

  const turnOver = async (next: () => Promise<LogFile | undefined>): Promise<void> => {
    const fresh = await next();
    if (fresh === undefined) return;
    const [old, oldBytes] = [file, wholeBytes];
    file = fresh;
    wholeBytes = FILE_HEAD_BYTES;
    await finish(old, oldBytes);
  };

  const writeBatch = async (): Promise<void> => {
    const batch = pending;
    const upTo = appended;
    writingBytes = batch.lengthBytes;
    pending = new JuteWriter(FIRST_BATCH_BYTES);
    const next = wholeBytes > rotateAfterBytes ? options.rotate(lastZxid) : undefined;
    if (!(await writeUntilDurable(encodeFrame(file.head, batch.finish())))) return;
    durable = upTo;
    writingBytes = 0;
    if (!healthy) {
      healthy = true;
      listener.healed();
    }
    listener.durable();
    if (next !== undefined) await turnOver(next);
  };

  const run = async (): Promise<void> => {
    while (durable < appended && !(closed && !healthy)) await writeBatch();
  };

  const flush = (): void => {
    if (running !== undefined || durable === appended) return;
    running = run().finally(() => {
      running = undefined;
    });
  };

  return {
    listen(told) {
      listener = told;
    },
    get appended() {
      return appended;
    },
    get durable() {
      return durable;
    },
    get backlogBytes() {
      return writingBytes + pending.lengthBytes;
    },
    get healthy() {
      return healthy;
    },
    append(transaction: Transaction) {
      appended += 1;
      lastZxid = transaction.zxid;
      options.observe?.(transaction);
      writeTransaction(pending, transaction);
    },
    flush,
    async close() {
      closed = true;
      retry?.timer.cancel();
      retry?.now();
      flush();
      await running;
      await finish(file, wholeBytes);
      await options.released?.();
    },
  };
}

/** What the file was made longer with is given back. Neither does harm where it fails: all that was written is on the disk. */
async function finish(file: LogFile, wholeBytes: number): Promise<void> {
  await file.truncate(wholeBytes).catch(() => undefined);
  await file.close().catch(() => undefined);
}
