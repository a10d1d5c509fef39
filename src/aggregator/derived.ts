import type { Layout } from '../registry/index.ts';
import type { MirrorBatch } from '../zookeeper/index.ts';
import { decodeOverview, decodeShard } from './derive/codec.ts';
import { parseShardNode } from './derive/shards.ts';
import type { DerivedOverview, DerivedService, DerivedSnapshot } from './ports.ts';

/** What the master wrote, as this replica's mirror shows it. */
export interface DerivedReader {
  /** Takes in a batch; tells whether the snapshot is another one now. */
  apply(batch: MirrorBatch): boolean;
  /** Parsed when first asked for; the same object until something changes. */
  snapshot(): DerivedSnapshot;
}

interface Node {
  readonly bytes: Buffer;
  readonly mzxid: bigint;
}

/** While shards of two counts stand side by side, the one written later speaks for a service. */
function readServices(shards: ReadonlyMap<string, Node>): ReadonlyMap<string, DerivedService> {
  const services = new Map<string, DerivedService>();
  const inOrder = [...shards.values()].sort((a, b) => (a.mzxid < b.mzxid ? -1 : 1));
  for (const { bytes } of inOrder) {
    for (const service of decodeShard(bytes)) services.set(service.name, service);
  }
  return services;
}

function snapshotOf(
  overviewNode: Node | undefined,
  shards: ReadonlyMap<string, Node>,
  index: bigint,
): DerivedSnapshot {
  const frozen = new Map(shards);
  let services: ReadonlyMap<string, DerivedService> | undefined;
  let sorted: readonly DerivedService[] | undefined;
  let overview: { readonly value: DerivedOverview | undefined } | undefined;
  const all = (): ReadonlyMap<string, DerivedService> => (services ??= readServices(frozen));
  return {
    index,
    get overview() {
      overview ??= { value: overviewNode && decodeOverview(overviewNode.bytes) };
      return overview.value;
    },
    service: name => all().get(name),
    get services() {
      sorted ??= [...all().values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      return sorted;
    },
  };
}

export function derivedReader(where: Layout): DerivedReader {
  const overviewPath = `${where.derived}/overview`;
  const summaries = `${where.derived}/summaries`;
  const shards = new Map<string, Node>();
  let overview: Node | undefined;
  let index = 0n;
  let snapshot: DerivedSnapshot | undefined;

  const put = (path: string, node: Node): boolean => {
    if (path === overviewPath) overview = node;
    else if (path.startsWith(`${summaries}/`) && parseShardNode(path.slice(summaries.length + 1))) {
      shards.set(path, node);
    } else return false;
    if (node.mzxid > index) index = node.mzxid;
    return true;
  };

  /** The index follows a removal too, so that whoever waits for a newer one is woken. */
  const gone = (path: string, zxid: bigint): boolean => {
    const known = path === overviewPath ? overview !== undefined : shards.delete(path);
    if (path === overviewPath) overview = undefined;
    if (known && zxid > index) index = zxid;
    return known;
  };

  return {
    apply(batch) {
      let changed = false;
      for (const change of batch.changes) {
        const { parent } = change.node;
        if (parent !== where.derived && parent !== summaries) continue;
        const { path } = change.node;
        if (change.kind === 'put') {
          changed = put(path, { bytes: change.data, mzxid: change.node.mzxid }) || changed;
        } else if (change.kind === 'gone') changed = gone(path, change.zxid) || changed;
      }
      if (changed) snapshot = undefined;
      return changed;
    },
    snapshot: () => (snapshot ??= snapshotOf(overview, shards, index)),
  };
}
