import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { turn } from '../../kernel/turn.ts';
import { syncFolder, writeAll } from './disk.ts';
import { encodeFrame, encodeHead, newFileHead } from './frames.ts';
import type { NamedBytes } from './recover.ts';
import { type Picture, snapshotPayloads } from './snapshot-codec.ts';

/**
 * What lies in a data folder. `snapshot-Z` is all that was known at zxid Z, `log-Z` what was written after it; Z in 16
 * hexadecimal digits. A snapshot has its name only once it is whole.
 */
export interface FolderContent {
  readonly snapshot: NamedBytes | undefined;
  /** Those that the snapshot does not make void, oldest first. */
  readonly logs: readonly NamedBytes[];
}

export const snapshotName = (zxid: number): string => `snapshot-${hex(zxid)}`;
export const logName = (zxid: number): string => `log-${hex(zxid)}`;

const hex = (zxid: number): string => zxid.toString(16).padStart(16, '0');

const NAME = /^(snapshot|log)-([0-9a-f]{16})$/;
const UNFINISHED = /^snapshot-[0-9a-f]{16}\.tmp$/;

export async function readFolder(folder: string): Promise<FolderContent> {
  const names = (await readdir(folder)).filter(name => NAME.test(name)).toSorted();
  const snapshot = names.filter(name => name.startsWith('snapshot-')).at(-1);
  const since = snapshot === undefined ? '' : zxidText(snapshot);
  const logs = names.filter(name => name.startsWith('log-') && zxidText(name) >= since);
  const read = async (name: string): Promise<NamedBytes> => ({
    name: join(folder, name),
    bytes: await readFile(join(folder, name)),
  });
  return {
    snapshot: snapshot === undefined ? undefined : await read(snapshot),
    logs: await Promise.all(logs.map(read)),
  };
}

/** Removes what the snapshot at `zxid` makes void, and snapshots that were never finished. */
export async function tidyFolder(folder: string, zxid: number): Promise<void> {
  const names = await readdir(folder);
  const isVoid = (name: string): boolean =>
    UNFINISHED.test(name) || (NAME.test(name) && zxidText(name) < hex(zxid));
  for (const name of names.filter(isVoid)) await rm(join(folder, name), { force: true });
}

/** Writes a snapshot beside the running server, a slice a turn. When it resolves the snapshot is on the disk. */
export async function writeSnapshot(folder: string, picture: Picture): Promise<void> {
  const path = join(folder, snapshotName(picture.zxid));
  const head = newFileHead('snapshot');
  const handle = await open(`${path}.tmp`, 'w', 0o600);
  try {
    let at = 0;
    const add = async (bytes: Buffer): Promise<void> => {
      await writeAll(handle, bytes, at);
      at += bytes.length;
    };
    await add(encodeHead(head));
    for (const payload of snapshotPayloads(picture)) {
      await add(encodeFrame(head, payload));
      await turn();
    }
    await handle.sync();
    await rename(`${path}.tmp`, path);
  } catch (error) {
    // on a full disk it would take the room that the log needs
    await rm(`${path}.tmp`, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  await syncFolder(folder);
}

const zxidText = (name: string): string => NAME.exec(name)?.[2] ?? '';
