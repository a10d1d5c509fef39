import type { Layout } from '../registry/index.ts';
import { type MirrorBatch, nodeChanges } from '../zookeeper/index.ts';
import { decodeOverview, decodeShard, type DecodedShard } from './derive/codec.ts';
import { parseShardNode } from './derive/shards.ts';
import type { DerivedOverview, DerivedService, DerivedSnapshot } from './ports.ts';
import { publishedIndex } from './published-index.ts';

/** What the master wrote, as this replica's mirror shows it. */
export interface DerivedReader {
  /** Takes in a batch; tells whether the snapshot is another one now. */
  apply(batch: MirrorBatch): boolean;
  /**
   * Publishes what is known, as far as nothing below it is still to be read or applied.
   * @param mark the smallest mark of that; undefined: there is nothing.
   * Returns whether the snapshot is another one now.
   */
  publish(mark: bigint | undefined): boolean;
  /** The ensemble was rebuilt: the index begins again from what is there now. */
  restart(): void;
  /** Parsed when first asked for; the same object until something changes. */
  snapshot(): DerivedSnapshot;
}

/** A shard, decoded when it is first looked into. */
interface Shard {
  readonly mzxid: bigint;
  services(): DecodedShard;
  /** What was decoded last at this place, without decoding anything. */
  known(): DecodedShard | undefined;
}

/** `bytes` are copied: they may be part of a whole answer, and nobody may look into a shard for hours. */
function shardOf(bytes: Buffer, mzxid: bigint, before: DecodedShard | undefined): Shard {
  let undecoded: Buffer | undefined = Buffer.from(bytes);
  let decoded = before;
  return {
    mzxid,
    services() {
      if (undecoded !== undefined) decoded = decodeShard(undecoded, decoded);
      undecoded = undefined;
      return decoded ?? new Map();
    },
    known: () => decoded,
  };
}

interface OverviewNode {
  readonly mzxid: bigint;
  readonly overview: DerivedOverview | undefined;
}

/** While shards of two counts stand side by side, the one written later speaks for a service. */
function snapshotOf(
  overview: DerivedOverview | undefined,
  shards: Iterable<Shard>,
  index: bigint,
): DerivedSnapshot {
  const youngestFirst = [...shards].sort((a, b) => (a.mzxid > b.mzxid ? -1 : 1));
  let sorted: readonly DerivedService[] | undefined;
  const all = (): readonly DerivedService[] => {
    const services = new Map<string, DerivedService>();
    for (const shard of youngestFirst.toReversed()) {
      for (const [name, { service }] of shard.services()) services.set(name, service);
    }
    return [...services.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  return {
    index,
    overview,
    service(name) {
      for (const shard of youngestFirst) {
        const found = shard.services().get(name);
        if (found !== undefined) return found.service;
      }
      return undefined;
    },
    get services() {
      return (sorted ??= all());
    },
  };
}

export function derivedReader(where: Layout): DerivedReader {
  const overviewPath = `${where.derived}/overview`;
  const summaries = `${where.derived}/summaries`;
  const shards = new Map<string, Shard>();
  const index = publishedIndex();
  let overview: OverviewNode | undefined;
  let snapshot: DerivedSnapshot | undefined;

  const isWanted = (directory: string): boolean =>
    directory === where.derived || directory === summaries;

  const put = (path: string, bytes: Buffer, mzxid: bigint): boolean => {
    if (path === overviewPath) overview = { mzxid, overview: decodeOverview(bytes) };
    else if (path.startsWith(`${summaries}/`) && parseShardNode(path.slice(summaries.length + 1))) {
      shards.set(path, shardOf(bytes, mzxid, shards.get(path)?.known()));
    } else return false;
    index.saw(mzxid);
    return true;
  };

  /** The index follows a removal too, so that whoever waits for a newer one is woken. */
  const gone = (path: string, zxid: bigint): boolean => {
    const known = path === overviewPath ? overview !== undefined : shards.delete(path);
    if (path === overviewPath) overview = undefined;
    if (known) index.saw(zxid);
    return known;
  };

  return {
    apply(batch) {
      let changed = false;
      for (const change of nodeChanges(batch.changes, isWanted)) {
        const { path, mzxid } = change.node;
        if (change.kind === 'put') changed = put(path, change.data, mzxid) || changed;
        else if (change.kind === 'gone') changed = gone(path, change.zxid) || changed;
      }
      if (changed) snapshot = undefined;
      return changed;
    },
    publish(mark) {
      const moved = index.publish(mark);
      if (moved) snapshot = undefined;
      return moved;
    },
    restart() {
      const newest = [...shards.values()].map(({ mzxid }) => mzxid);
      index.restart([...newest, overview?.mzxid ?? 0n].reduce((a, b) => (a > b ? a : b)));
      snapshot = undefined;
    },
    snapshot: () => (snapshot ??= snapshotOf(overview?.overview, shards.values(), index.published)),
  };
}
