import type { Clock } from '../kernel/clock.ts';
import { hasCode } from '../kernel/errors.ts';
import { removeIfThere, type Session, untilDone, type ZnodePath } from '../zookeeper/index.ts';

/** How a node leaves. */
export interface Farewell {
  /** Written before the node goes, so that everyone can tell that it went on purpose. */
  readonly lastWord?: Buffer | undefined;
  /** How long the last word stands before the node is deleted. Default 0. */
  readonly waitMs?: number | undefined;
  /** Written when the server refuses to let us delete the node. */
  readonly ifRefused?: Buffer | undefined;
}

export interface Leaving {
  readonly session: Session;
  readonly clock: Clock;
  readonly farewell: Farewell;
  /** Asked anew at each try. */
  readonly paths: () => Promise<readonly ZnodePath[]>;
}

/** Resolves when the nodes are gone, or the server refused, or the session was closed, which takes them along. */
export async function leaveNodes(leaving: Leaving): Promise<'removed' | 'refused'> {
  const { session, clock } = leaving;
  const isGone = await untilDone(session, clock, () => leaveOnce(leaving));
  return isGone === false ? 'refused' : 'removed';
}

async function leaveOnce({ session, clock, farewell, paths }: Leaving): Promise<boolean> {
  const leaving = await paths();
  const { lastWord, waitMs = 0, ifRefused } = farewell;
  if (lastWord !== undefined) {
    await Promise.all(leaving.map(path => say(session, path, lastWord)));
    if (waitMs > 0) await clock.sleep(waitMs);
  }
  const removed = await Promise.all(leaving.map(path => removeIfThere(session, path)));
  const refused = leaving.filter((_, index) => removed[index] === false);
  if (ifRefused !== undefined) {
    await Promise.all(refused.map(path => say(session, path, ifRefused)));
  }
  return refused.length === 0;
}

/** A last word that nobody lets us say does not keep us from going. */
async function say(session: Session, path: ZnodePath, word: Buffer): Promise<void> {
  try {
    await session.setData(path, word, -1);
  } catch (error) {
    if (!hasCode(error, 'NO_NODE', 'NO_AUTH')) throw error;
  }
}
