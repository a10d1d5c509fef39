import type { Clock } from '../kernel/clock.ts';
import { errorText, isAbort } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import { keepNode, keepOptions, type Layout, leaveWithin } from '../registry/index.ts';
import type { Session } from '../zookeeper/index.ts';
import { encodeMember } from './member-directory.ts';
import type { ViewState } from './ports.ts';

export interface MembershipOptions {
  readonly session: Session;
  readonly where: Layout;
  readonly id: string;
  /** `host:port` of our HTTP, for whoever reads the members. */
  readonly address: string;
  readonly version: string;
  readonly view: ViewState['kind'];
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: () => string;
  readonly logger: Logger;
}

/** Our own node among the aggregators: ephemeral, proven, made again after the loss of a session. */
export interface Membership extends AsyncDisposable {
  /** What the view is now; written when it changed, the last word wins. */
  report(view: ViewState['kind']): void;
  /** Takes the node away; bounded in time when ZooKeeper is away. Idempotent. */
  close(): Promise<void>;
}

/** Returns at once: the node is made as soon as there is a connection. */
export function openMembership(options: MembershipOptions): Membership {
  const { session, where, id, address, version, clock, random, newId, logger } = options;
  let said = options.view;
  let closing: Promise<void> | undefined;

  const encoded = (view: ViewState['kind']): Buffer =>
    encodeMember({ id, address, version, view, at: new Date(clock.wallMs()).toISOString() });

  const keeping = keepOptions(session, where.members, encoded(said), {
    clock,
    random,
    newId,
    logger,
  });
  const kept = keepNode(keeping);

  /** It goes on trying all the same. */
  const failed = (error: unknown): void => {
    if (closing !== undefined || isAbort(error)) return;
    logger.warn({ error: errorText(error) }, 'the node of this aggregator could not be written');
  };

  const close = (): Promise<void> => (closing ??= leaveWithin(kept, {}, keeping, undefined));
  return {
    report(view) {
      if (view === said || closing !== undefined) return;
      said = view;
      kept.set(encoded(view)).catch(failed);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
