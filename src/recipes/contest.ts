import type { WaitOptions } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { hasCode } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Acl, Session, ZnodePath } from '../zookeeper/index.ts';

/** What the recipes that stand in line have in common. */
export interface Contest {
  readonly session: Session;
  /** Where the nodes lie. */
  readonly directory: ZnodePath;
  /** What stands before the sequence number in a node's name: `latch-`. */
  readonly marker: string;
  readonly acl?: readonly Acl[] | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
}

/** Makes the directory: a container where the server has them, below plain nodes. */
export async function ensureContest(
  { session, directory }: Contest,
  options: WaitOptions,
): Promise<void> {
  const parent = directory.slice(0, directory.lastIndexOf('/'));
  if (parent !== '') await session.ensurePath(parent, options);
  const { containers } = await session.features(options);
  await session.ensurePath(directory, {
    ...options,
    mode: containers ? 'container' : 'persistent',
  });
}

/** The names of the nodes in the directory; none when it is not there. */
export async function childrenOf(
  { session, directory }: Pick<Contest, 'session' | 'directory'>,
  options: WaitOptions,
): Promise<readonly string[]> {
  try {
    return (await session.getChildren(directory, options)).children;
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return [];
    throw error;
  }
}
