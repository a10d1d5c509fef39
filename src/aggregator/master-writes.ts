import type { Clock } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import type { Layout } from '../registry/index.ts';
import type { Session, ZnodePath } from '../zookeeper/index.ts';
import { encodeOverview } from './derive/codec.ts';
import type { ShardTable } from './derive/shard-table.ts';
import { parseShardNode, shardNode, type ShardName } from './derive/shards.ts';
import type { DerivedWriter, WriteResult } from './derived-writer.ts';
import type { MasterSummaries } from './master-summaries.ts';

export interface MasterWritesOptions {
  readonly session: Session;
  readonly where: Layout;
  readonly writer: DerivedWriter;
  readonly table: ShardTable;
  readonly summaries: MasterSummaries;
  /** The master that writes, and its term. */
  readonly id: string;
  readonly token: bigint;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long a node that could not be removed is let be; twice as long after each further failure, up to the second. */
const LEAVING_AGAIN_MS = 15_000;
const LEAVING_AGAIN_CAP_MS = 10 * 60_000;

interface Refused {
  readonly waitMs: number;
  readonly untilMs: number;
}

/**
 * @returns whether all is written that was to be written; what is not stays to be tried again.
 * @throws RollcallError FENCED when ZooKeeper refused a write because the term is over.
 */
export type MasterWrites = () => Promise<boolean>;

function settled(result: WriteResult): boolean {
  if (result !== 'fenced') return result === 'ok';
  throw new RollcallError('FENCED', 'the term is over: ZooKeeper refused a write of it');
}

export function masterWrites(options: MasterWritesOptions): MasterWrites {
  const { session, where, writer, table, summaries, id, token, clock, signal } = options;
  const directory = `${where.derived}/summaries`;
  let overviewText = '';
  /** The count of which no shards but its own are left. */
  let tidyCount = 0;

  /** Leaving nodes that could not be removed. */
  const refused = new Map<ZnodePath, Refused>();

  let hasDirectories = false;

  /** They are created inside the fence too: nothing of ours is written by anyone but the master. Looked at again after a failure. */
  const makeDirectories = async (): Promise<boolean> => {
    if (hasDirectories) return true;
    for (const path of [where.derived, directory]) {
      const there = await session.exists(path, { signal });
      if (there === undefined && !settled(await writer.put(path, Buffer.alloc(0)))) return false;
    }
    hasDirectories = true;
    return true;
  };

  const writeShard = async (shard: ShardName): Promise<boolean> => {
    const data = table.take(shard);
    let done = false;
    try {
      done = settled(await writer.put(`${directory}/${shardNode(shard)}`, data));
    } finally {
      if (!done) table.putBack(shard);
    }
    return done;
  };

  /** When and by whom alone is no reason to write it again. */
  const writeOverview = async (): Promise<boolean> => {
    const overview = summaries.overview();
    const text = JSON.stringify(overview);
    if (text === overviewText) return true;
    const writtenAt = new Date(clock.wallMs()).toISOString();
    const bytes = encodeOverview({ ...overview, writtenAt, by: id, token: String(token) });
    const done = settled(await writer.put(`${where.derived}/overview`, bytes));
    if (done) overviewText = text;
    return done;
  };

  /** Shards of another count are void once all present ones are written: a reader takes the younger of two. */
  const removeVoidShards = async (): Promise<boolean> => {
    const { count } = table;
    if (tidyCount === count) return true;
    const { children } = await session.getChildren(directory, { signal });
    for (const node of children) {
      const shard = parseShardNode(node);
      if (shard === undefined || shard.count === count) continue;
      if (!settled(await writer.remove(`${directory}/${node}`))) return false;
    }
    tidyCount = count;
    return true;
  };

  const letBe = (path: ZnodePath): void => {
    const before = refused.get(path)?.waitMs;
    const waitMs =
      before === undefined ? LEAVING_AGAIN_MS : Math.min(LEAVING_AGAIN_CAP_MS, before * 2);
    refused.set(path, { waitMs, untilMs: clock.nowMs() + waitMs });
  };

  /**
   * For providers that may not delete their own node: deleting is a right on the directory. We may not have it everywhere: what
   * cannot be removed keeps neither the others nor the rest of our work, and is tried again by a pace of its own.
   */
  const removeLeaving = async (): Promise<void> => {
    for (const [path, mzxid] of summaries.leaving) {
      const { untilMs = 0 } = refused.get(path) ?? {};
      if (clock.nowMs() < untilMs) continue;
      if (settled(await writer.remove(path, mzxid))) {
        summaries.leaving.delete(path);
        refused.delete(path);
      } else letBe(path);
    }
  };

  const writeAll = async (): Promise<boolean> => {
    if (!(await makeDirectories())) return false;
    for (const shard of table.dirty) if (!(await writeShard(shard))) return false;
    if (!(await writeOverview()) || !(await removeVoidShards())) return false;
    await removeLeaving();
    return true;
  };

  return async () => {
    let done = false;
    try {
      done = await writeAll();
    } finally {
      hasDirectories &&= done;
    }
    return done;
  };
}
