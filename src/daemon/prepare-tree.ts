import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, hasCode, RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import type { Layout } from '../registry/index.ts';
import type { Session } from '../zookeeper/index.ts';

export interface TreeOptions {
  readonly session: Session;
  readonly where: Layout;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Makes the directories below the root that are missing, the chroot too; tries until ZooKeeper is there or the signal aborts. What
 * exists is left as it is.
 *
 * @throws RollcallError NO_AUTH with a sentence that says what to do, when one is missing and may not be made.
 */
export async function prepareTree(options: TreeOptions): Promise<void> {
  const { clock, random, logger, signal } = options;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await makeDirectories(options);
    } catch (error) {
      if (signal.aborted || hasCode(error, 'SESSION_CLOSED')) return;
      if (hasCode(error, 'NO_AUTH')) throw error;
      logger.warn({ error: errorText(error) }, 'the directories cannot be made yet');
      await clock.sleep(backoffMs(attempt, random()), signal).catch(() => undefined);
    }
  }
}

async function makeDirectories({ session, where, signal }: TreeOptions): Promise<void> {
  const { services, overrides, derived, members, election } = where;
  for (const path of [services, overrides, derived, members, election]) {
    try {
      await session.ensurePath(path, { signal });
    } catch (error) {
      if (!hasCode(error, 'NO_AUTH')) throw error;
      throw new RollcallError(
        'NO_AUTH',
        `ZooKeeper does not let us make ${path}: give --zookeeper-auth FILE with a user who may, or let an administrator make it`,
        { cause: error },
      );
    }
  }
}
