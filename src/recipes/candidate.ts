import type { WaitOptions } from '../kernel/abort.ts';
import {
  type Created,
  createProtected,
  findProtected,
  type ProtectedPlace,
  removeIfThere,
  untilDone,
  type ZnodePath,
} from '../zookeeper/index.ts';
import { standingOf } from './contenders.ts';
import { childrenOf, type Contest, ensureContest } from './contest.ts';
import { untilWoken } from './wake-up.ts';

/** One node that stands in line. */
export interface Candidate {
  /** Creates the node. To be called once. */
  enter(data: Buffer, options: WaitOptions): Promise<Created>;
  /**
   * Resolves with `first` when no contender is before us, with `gone` when our node is not there any more. Watches only the node before
   * ours, and lists again when it goes: it may have given up, not led.
   */
  untilFirst(options: WaitOptions): Promise<'first' | 'gone'>;
  /**
   * Takes the node away, also when we do not know whether it was made; goes on through suspended and lost. Resolves when it is gone or the
   * session was closed. A node that cannot be removed (NO_AUTH) is reported, and goes with the session.
   */
  leave(): Promise<void>;
}

export function candidate(contest: Contest): Candidate {
  const { session, directory, marker, logger } = contest;
  const guid = contest.newId();
  const place: ProtectedPlace = {
    session,
    directory,
    guid,
    prefix: `_c_${guid}-${marker}`,
    acl: contest.acl,
    ensureDirectory: options => ensureContest(contest, options),
  };
  let own: ZnodePath | undefined;
  /** A create was begun whose end we do not know. */
  let perhapsMade = false;

  const untilGone = (node: string, options: WaitOptions): Promise<void> =>
    untilWoken(
      session,
      async wake => {
        const { stat, watch } = await session.watchExists(`${directory}/${node}`, wake, options);
        return { watch, worthWaiting: stat !== undefined };
      },
      options,
    );

  return {
    async enter(data, options) {
      await session.connected(options);
      perhapsMade = true;
      const created = await createProtected(place, data, options);
      own = created.path;
      perhapsMade = false;
      return created;
    },
    async untilFirst(options) {
      if (own === undefined) return 'gone';
      const name = own.slice(directory.length + 1);
      for (;;) {
        const standing = standingOf(await childrenOf(contest, options), marker, name);
        if (standing.kind === 'first') return 'first';
        if (standing.kind === 'absent') return 'gone';
        await untilGone(standing.before, options);
      }
    },
    async leave() {
      if (own === undefined && !perhapsMade) return;
      const removed = await untilDone(session, contest.clock, async () => {
        const paths = perhapsMade ? await findProtected(place) : [];
        const all = own === undefined ? paths : [own, ...paths];
        return Promise.all(all.map(path => removeIfThere(session, path)));
      });
      if (removed?.includes(false) === true) {
        logger.warn(
          { path: own },
          'a node of ours may not be removed, and stays until the session ends',
        );
      }
    },
  };
}
