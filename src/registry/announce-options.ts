import { randomUUID } from 'node:crypto';
import type { WaitOptions } from '../kernel/abort.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import { type Logger, silentLogger } from '../kernel/log.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import type { Acl, Session, ZnodePath } from '../zookeeper/index.ts';
import type { KeepNodeOptions, KeptNode } from './keep-node.ts';
import type { Farewell } from './leave-node.ts';
import type { ProofEvent } from './proof.ts';

/** What a provider's and a consumer's announcement have in common. The signal gives up waiting, and takes back what was made. */
export interface AnnounceOptions extends WaitOptions {
  /** Default `/rollcall`. */
  readonly root?: string;
  /** Of the node itself. Default: open to everyone. */
  readonly acl?: readonly Acl[];
  /** Of the service's directories, where they are missing. Default: open to everyone. */
  readonly directoryAcl?: readonly Acl[];
  /** How long `close()` waits for a ZooKeeper that is away before it leaves the rest to the background. Default: the session's timeout. */
  readonly closeWithinMs?: number;
  /** Mean time between looks at the node that no event called for, jittered by half. Default 60 000; 0 switches them off. */
  readonly verifyEveryMs?: number;
  /** Told of each proof and each repair; for metrics and logs. */
  readonly onProof?: (event: ProofEvent) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly newId?: () => string;
  readonly logger?: Logger;
}

export function keepOptions(
  session: Session,
  directory: ZnodePath,
  data: Buffer,
  options: AnnounceOptions,
): KeepNodeOptions {
  const guid = (options.newId ?? randomUUID)();
  const { acl, directoryAcl } = options;
  return {
    session,
    directory,
    prefix: `${guid}-`,
    guid,
    acl,
    ensureDirectory: wait =>
      session.ensurePath(directory, {
        ...wait,
        ...(directoryAcl === undefined ? {} : { acl: directoryAcl }),
      }),
    data,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    logger: options.logger ?? silentLogger,
    verifyEveryMs: options.verifyEveryMs ?? 60_000,
    onProof: options.onProof ?? (() => undefined),
  };
}

/** Waits until the node is proven, and says where it is. When that fails, or is given up, nothing of it stays behind (removed later, if ZooKeeper is away). */
export async function firstProof(
  kept: KeptNode,
  session: Session,
  options: AnnounceOptions,
  takeBack: () => Promise<void>,
): Promise<ZnodePath> {
  try {
    await kept.settled(options.signal === undefined ? {} : { signal: options.signal });
    if (kept.path === undefined) throw new RollcallError('INTERNAL', 'a proven node has no path');
    return kept.path;
  } catch (error) {
    const takenBack = takeBack().catch(() => undefined);
    if (session.state.kind === 'connected') await takenBack;
    throw error;
  }
}

/** Leaves, and waits for it so long as it takes, but not for a ZooKeeper that stays away: the rest is done when it is back. */
export async function leaveWithin(
  kept: KeptNode,
  farewell: Farewell,
  { clock, session, logger }: KeepNodeOptions,
  closeWithinMs: number | undefined,
): Promise<void> {
  const waited = new AbortController();
  const limitMs = (closeWithinMs ?? session.timeoutMs) + (farewell.waitMs ?? 0);
  const lapsed = clock.sleep(limitMs, waited.signal).then(
    () => logger.warn({ path: kept.path }, 'a node is still to be removed when ZooKeeper is back'),
    () => undefined,
  );
  const left = kept.leave(farewell).finally(() => waited.abort());
  left.catch(() => undefined); // after the limit nobody listens
  await Promise.race([left, lapsed]);
}
