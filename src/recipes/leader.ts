import type { WaitOptions } from '../kernel/abort.ts';
import { hasCode } from '../kernel/errors.ts';
import type { Watch, ZnodePath } from '../zookeeper/index.ts';
import { contendersOf } from './contenders.ts';
import { childrenOf, type Contest } from './contest.ts';
import { untilWoken } from './wake-up.ts';

/** Whose node is first in line. It may not have noticed yet, or not any more. */
export interface Leader {
  /** As the participant gave it; another program's may be empty. */
  readonly id: string;
  /** The czxid of its node: the fencing token of its term. */
  readonly token: bigint;
  readonly path: ZnodePath;
}

/** Reads who leads at this moment. */
export async function readLeader(
  contest: Contest,
  options: WaitOptions,
): Promise<Leader | undefined> {
  const { session, directory, marker } = contest;
  for (;;) {
    const [first] = contendersOf(await childrenOf(contest, options), marker);
    if (first === undefined) return undefined;
    const path = `${directory}/${first.node}`;
    try {
      const { data, stat } = await session.getData(path, options);
      return { id: data.toString('utf8'), token: stat.czxid, path };
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
  }
}

/** Yields who leads now, then at each change; watches the leader's node alone, and while there is none, the directory. */
export async function* leaders(
  contest: Contest,
  options: WaitOptions,
): AsyncGenerator<Leader | undefined, never> {
  for (let isFirst = true, token: bigint | undefined; ; ) {
    const leader = await readLeader(contest, options);
    if (isFirst || leader?.token !== token) yield leader;
    isFirst = false;
    token = leader?.token;
    await untilWoken(
      contest.session,
      wake =>
        leader === undefined
          ? armEmpty(contest, wake, options)
          : armLeader(contest, leader, wake, options),
      options,
    );
  }
}

interface Armed {
  readonly watch: Watch;
  readonly worthWaiting: boolean;
}

async function armLeader(
  { session }: Contest,
  leader: Leader,
  wake: () => void,
  options: WaitOptions,
): Promise<Armed> {
  const { stat, watch } = await session.watchExists(leader.path, wake, options);
  return { watch, worthWaiting: stat?.czxid === leader.token };
}

async function armEmpty(
  { session, directory, marker }: Contest,
  wake: () => void,
  options: WaitOptions,
): Promise<Armed> {
  try {
    const { children, watch } = await session.watchChildren(directory, wake, options);
    return { watch, worthWaiting: contendersOf(children, marker).length === 0 };
  } catch (error) {
    if (!hasCode(error, 'NO_NODE')) throw error;
  }
  const { stat, watch } = await session.watchExists(directory, wake, options);
  return { watch, worthWaiting: stat === undefined };
}
