import { mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../kernel/errors.ts';
import { latest } from '../kernel/lane.ts';
import type { Logger } from '../kernel/log.ts';
import { turn } from '../kernel/turn.ts';
import { encodeAmendment, encodeEntry, historyReplay } from './history-lines.ts';
import type { HistoryStore } from './history.ts';
import type { HistoryEntry } from './ports.ts';

/**
 * History on disk: files of JSON lines, appended to, the oldest removed. One directory belongs to one daemon.
 * A disk that fails is logged once (and once when it works again) and never keeps the daemon from its work: the lines of that
 * time are kept up to a bound, then dropped.
 */
export interface HistoryFiles extends HistoryStore, AsyncDisposable {
  /** What earlier runs left, oldest first. */
  readonly loaded: readonly HistoryEntry[];
  /** Resolves when what was handed over so far is on its way to the disk, or was given up. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface HistoryFilesOptions {
  readonly dir: string;
  readonly logger: Logger;
  /** A file that is larger is followed by a new one. Default 4 MiB. */
  readonly maxFileBytes?: number;
  /** How many files are kept. Default 4. */
  readonly maxFiles?: number;
  /** The most bytes that wait for the disk. Default 4 MiB. */
  readonly maxPendingBytes?: number;
}

/** How many lines are parsed before others have their turn of the event loop. */
const LINES_A_TURN = 500;

const NAME = /^history-(\d{8})\.jsonl$/;
const nameOf = (number: number): string => `history-${String(number).padStart(8, '0')}.jsonl`;

async function fileNumbers(dir: string): Promise<readonly number[]> {
  const found = (await readdir(dir)).flatMap(name => {
    const number = NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return found.sort((a, b) => a - b);
}

/** Cuts off the line that a crash left without its end, so that the next one begins at a line's beginning. */
async function readWhole(path: string): Promise<readonly string[]> {
  const bytes = await readFile(path);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) await truncate(path, end);
  return bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
}

interface Found {
  readonly loaded: readonly HistoryEntry[];
  readonly current: number;
  readonly bytes: number;
}

async function load(dir: string): Promise<Found> {
  await mkdir(dir, { recursive: true });
  const numbers = await fileNumbers(dir);
  const replay = historyReplay();
  for (const number of numbers) {
    const lines = await readWhole(join(dir, nameOf(number)));
    for (const [at, line] of lines.entries()) {
      replay.take(line);
      if (at % LINES_A_TURN === 0) await turn();
    }
  }
  const current = numbers.at(-1);
  if (current === undefined) return { loaded: [], current: 1, bytes: 0 };
  const { size } = await stat(join(dir, nameOf(current)));
  return { loaded: replay.entries(), current, bytes: size };
}

/** @returns never rejects: what cannot be read is logged, and the history begins empty. */
export async function historyFiles(options: HistoryFilesOptions): Promise<HistoryFiles> {
  const { dir, logger, maxFileBytes = 4 << 20, maxFiles = 4, maxPendingBytes = 4 << 20 } = options;
  let failing = false;
  const failed = (error: unknown): void => {
    if (!failing) logger.error({ dir, error: errorText(error) }, 'history cannot be kept on disk');
    failing = true;
  };
  const found = await load(dir).catch((error: unknown): Found => {
    failed(error);
    return { loaded: [], current: 1, bytes: 0 };
  });
  let { current, bytes: fileBytes } = found;
  let pending: string[] = [];
  let pendingBytes = 0;

  const rotate = async (): Promise<void> => {
    await writeFile(join(dir, nameOf(current + 1)), '', { flag: 'a' });
    current += 1;
    fileBytes = 0;
    const numbers = await fileNumbers(dir);
    const old = numbers.slice(0, Math.max(0, numbers.length - maxFiles));
    for (const number of old) await rm(join(dir, nameOf(number)), { force: true });
  };

  const appendText = async (text: string): Promise<void> => {
    await mkdir(dir, { recursive: true });
    if (fileBytes >= maxFileBytes) await rotate();
    const path = join(dir, nameOf(current));
    const file = await open(path, 'a');
    try {
      await file.appendFile(text);
      fileBytes += Buffer.byteLength(text);
    } catch (error) {
      // A disk that filled up in the middle of a line: the next attempt begins at a line's beginning.
      await file.truncate(fileBytes).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  };

  const write = latest(async () => {
    const lines = pending;
    const bytes = pendingBytes;
    if (lines.length === 0) return;
    pending = [];
    pendingBytes = 0;
    try {
      await appendText(lines.join(''));
      if (failing) logger.info({ dir }, 'history is kept on disk again');
      failing = false;
    } catch (error) {
      failed(error);
      pending = [...lines, ...pending];
      pendingBytes += bytes;
    }
  });

  const add = (line: string): void => {
    const bytes = Buffer.byteLength(line);
    if (pendingBytes + bytes > maxPendingBytes) return;
    pending.push(line);
    pendingBytes += bytes;
    void write();
  };

  return {
    loaded: found.loaded,
    appended: entry => add(encodeEntry(entry)),
    amended: amendment => add(encodeAmendment(amendment)),
    flush: write,
    close: write,
    [Symbol.asyncDispose]: write,
  };
}
