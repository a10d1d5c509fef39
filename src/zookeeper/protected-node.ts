import type { WaitOptions } from '../kernel/abort.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { hasCode } from '../kernel/errors.ts';
import type { Acl, Created, Session, ZnodePath } from './api.ts';

/** Where an ephemeral sequential node of ours goes, and how it is found again. */
export interface ProtectedPlace {
  readonly session: Session;
  readonly directory: ZnodePath;
  /** The node's name up to ZooKeeper's sequence number; it contains the GUID. */
  readonly prefix: string;
  readonly guid: string;
  readonly acl?: readonly Acl[] | undefined;
  /** Makes the directory where it is missing. */
  readonly ensureDirectory: (options: WaitOptions) => Promise<void>;
}

/** A container can be reaped between its making and our create: so often we try. */
const TRIES = 5;

/** Creates the node, and its directory when that is not there (any more). One node, whatever answers are lost on the way. */
export async function createProtected(
  place: ProtectedPlace,
  data: Buffer,
  options: WaitOptions = {},
): Promise<Created> {
  const { session, directory, prefix, guid, acl } = place;
  const path = `${directory}/${prefix}`;
  for (let tries = 1; ; tries += 1) {
    try {
      return await session.create(path, data, {
        ...options,
        mode: 'ephemeral-sequential',
        guid,
        ...(acl === undefined ? {} : { acl }),
      });
    } catch (error) {
      if (!hasCode(error, 'NO_NODE') || tries === TRIES) throw error;
    }
    await place.ensureDirectory(options);
  }
}

/** The paths of all nodes that carry our GUID: one at most, unless an answer was lost for good. */
export async function findProtected(
  place: ProtectedPlace,
  options: WaitOptions = {},
): Promise<readonly ZnodePath[]> {
  const { session, directory, prefix } = place;
  try {
    const { children } = await session.getChildren(directory, options);
    return children.filter(name => name.startsWith(prefix)).map(name => `${directory}/${name}`);
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return [];
    throw error;
  }
}

/** @returns false when the server refuses (NO_AUTH): deleting is a right on the directory. A node that is not there is fine. */
export async function removeIfThere(
  session: Session,
  path: ZnodePath,
  options: WaitOptions = {},
): Promise<boolean> {
  try {
    await session.remove(path, -1, options);
  } catch (error) {
    if (hasCode(error, 'NO_AUTH')) return false;
    if (!hasCode(error, 'NO_NODE')) throw error;
  }
  return true;
}

/**
 * Does `work` when there is a connection, and again after each lost one, also over the end of the session: an old session may be
 * taken up again, with its nodes. Resolves with what `work` gave, or with undefined when the session was closed, which takes its
 * ephemeral nodes along.
 */
export async function untilDone<T>(
  session: Session,
  clock: Clock,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await session.connected();
      return await work();
    } catch (error) {
      if (hasCode(error, 'SESSION_CLOSED')) return undefined;
      if (!hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST')) throw error;
    }
    await clock.sleep(backoffMs(attempt, 0, { capMs: 1_000 }));
  }
}
