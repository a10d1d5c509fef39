import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorText, isRollcallError, RollcallError } from '../../kernel/errors.ts';
import { releasers } from '../../kernel/releasers.ts';
import type { Transaction } from '../change.ts';
import { firstZxid, SECRET_BYTES, type Store } from '../journal.ts';
import type { Settings } from '../options.ts';
import { freshTree } from '../tree.ts';
import { createLog, resumeLog } from './disk.ts';
import { logName, readFolder, tidyFolder, writeSnapshot } from './folder.ts';
import { lockFolder } from './folder-lock.ts';
import { FILE_HEAD_BYTES } from './frames.ts';
import { groupCommit, type LogFile } from './group-commit.ts';
import { type NamedBytes, recover, type Recovered } from './recover.ts';
import { pictureOf } from './snapshot-codec.ts';

type StoreSettings = Pick<Settings, 'clock' | 'logger' | 'snapshotAfterBytes'>;

/** After a snapshot could not be written the log grows on for so long. */
const SNAPSHOT_RETRY_MS = 60_000;

/**
 * The tree that is kept in a folder, which is made when it is not there. The store's journal lets go of it.
 *
 * @throws RollcallError ZOOKEEPER_UNAVAILABLE when the folder is damaged, in use, or cannot be written.
 */
export async function openStore(dataDir: string, settings: StoreSettings): Promise<Store> {
  const folder = resolve(dataDir);
  const opened = releasers();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    opened.push(await lockFolder(folder));
    const known = await readStore(folder, settings);
    await tidyFolder(folder, known.snapshotZxid);
    const log = await openLog(folder, known);
    return keep(folder, known, log, settings, opened.release);
  } catch (error) {
    await opened.release();
    if (isRollcallError(error)) throw error;
    throw new RollcallError('ZOOKEEPER_UNAVAILABLE', `the data folder ${folder} cannot be used`, {
      cause: error,
    });
  }
}

interface Known extends Recovered {
  readonly snapshotZxid: number;
}

async function readStore(folder: string, { clock, logger }: StoreSettings): Promise<Known> {
  const { snapshot, logs } = await readFolder(folder);
  if (snapshot !== undefined) return recovered(snapshot, logs, logger);
  if (logs.length > 0)
    throw new RollcallError(
      'ZOOKEEPER_UNAVAILABLE',
      `the data folder ${folder} has logs and no snapshot that they follow: put back a copy of it`,
    );
  const zxid = firstZxid(clock.wallMs());
  const fresh = { zxid, tree: freshTree(), secret: randomBytes(SECRET_BYTES), sessions: new Map() };
  await writeSnapshot(folder, pictureOf(fresh.tree, fresh));
  const none = { lastLog: undefined, unfinished: undefined, tornBytes: 0 };
  return { ...fresh, ...none, snapshotZxid: zxid };
}

function recovered(
  snapshot: NamedBytes,
  logs: readonly NamedBytes[],
  logger: Settings['logger'],
): Known {
  const known = recover(snapshot, logs);
  const { tornBytes, tree, sessions } = known;
  const fields = { nodes: tree.size, sessions: sessions.size, tornBytes };
  if (tornBytes > 0) logger.warn(fields, 'the log ended in an unfinished write, which is cut off');
  else logger.info(fields, 'the tree was read');
  return { ...known, snapshotZxid: Number.parseInt(snapshot.name.slice(-16), 16) };
}

interface OpenLog {
  readonly file: LogFile;
  readonly wholeBytes: number;
}

async function openLog(folder: string, known: Known): Promise<OpenLog> {
  const { lastLog, unfinished } = known;
  if (unfinished !== undefined) await rm(unfinished);
  if (lastLog !== undefined) {
    const { name, head, wholeBytes } = lastLog;
    return { file: await resumeLog(name, head, wholeBytes), wholeBytes };
  }
  const file = await createLog(folder, join(folder, logName(known.zxid)));
  return { file, wholeBytes: FILE_HEAD_BYTES };
}

function keep(
  folder: string,
  known: Known,
  log: OpenLog,
  { clock, logger, snapshotAfterBytes }: StoreSettings,
  release: () => Promise<void>,
): Store {
  const { tree, secret, sessions } = known;
  let snapshotting: Promise<void> | undefined;
  let notBeforeMs = 0;

  const failed = (error: unknown): void => {
    notBeforeMs = clock.nowMs() + SNAPSHOT_RETRY_MS;
    logger.warn({ error: errorText(error) }, 'no snapshot could be written: the log grows on');
  };

  const snapshot = async (picture: ReturnType<typeof pictureOf>): Promise<void> => {
    try {
      await writeSnapshot(folder, picture);
      await tidyFolder(folder, picture.zxid);
    } catch (error) {
      failed(error);
    } finally {
      snapshotting = undefined;
    }
  };

  const rotate = (zxid: number): (() => Promise<LogFile | undefined>) | undefined => {
    if (snapshotting !== undefined || clock.nowMs() < notBeforeMs) return undefined;
    const picture = pictureOf(tree, { zxid, secret, sessions });
    return async () => {
      try {
        const file = await createLog(folder, join(folder, logName(zxid)));
        snapshotting = snapshot(picture);
        return file;
      } catch (error) {
        failed(error);
        return undefined;
      }
    };
  };

  const observe = ({ changes }: Transaction): void => {
    for (const change of changes) {
      if (change.kind === 'open-session') sessions.set(change.sessionId, change.timeoutMs);
      else if (change.kind === 'close-session') sessions.delete(change.sessionId);
    }
  };

  const journal = groupCommit({
    ...log,
    clock,
    rotateAfterBytes: snapshotAfterBytes,
    rotate,
    observe,
    async released() {
      await snapshotting;
      await release();
    },
  });
  return { ...known, sessions: new Map(sessions), journal };
}
