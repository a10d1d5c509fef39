import type { ConsumerRecord } from '../registry/index.ts';
import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';
import type { ConsumersSnapshot, ListedConsumer, TopologySnapshot } from './ports.ts';
import { publishedIndex, type PublishedIndex } from './published-index.ts';

/** Who depends on one service. */
export interface ConsumersState {
  readonly index: PublishedIndex;
  readonly size: number;
  put(node: MirrorNode, record: ConsumerRecord): void;
  /** Returns whether it was there. */
  remove(znode: ZnodePath): boolean;
  snapshot(): ConsumersSnapshot;
  /** The published index moved: the snapshot is another one. */
  reindexed(): void;
  /** How many registrations each consuming service has. */
  readonly instances: ReadonlyMap<string, number>;
}

export function consumersState(): ConsumersState {
  const nodes = new Map<ZnodePath, ListedConsumer>();
  const instances = new Map<string, number>();
  const index = publishedIndex();
  let snapshot: ConsumersSnapshot | undefined;
  let list: readonly ListedConsumer[] | undefined;

  const count = (consumer: string, by: 1 | -1): void => {
    const next = (instances.get(consumer) ?? 0) + by;
    if (next === 0) instances.delete(consumer);
    else instances.set(consumer, next);
  };

  const remove = (znode: ZnodePath): boolean => {
    const known = nodes.get(znode);
    if (known === undefined) return false;
    nodes.delete(znode);
    count(known.record.consumer, -1);
    list = undefined;
    snapshot = undefined;
    return true;
  };

  return {
    index,
    get size() {
      return nodes.size;
    },
    put(node, record) {
      remove(node.path);
      nodes.set(node.path, {
        record,
        znode: node.path,
        since: new Date(node.ctimeMs).toISOString(),
      });
      count(record.consumer, 1);
      list = undefined;
      snapshot = undefined;
    },
    remove,
    snapshot() {
      const sorted = (): readonly ListedConsumer[] =>
        (list ??= [...nodes.values()].sort((a, b) => (a.znode < b.znode ? -1 : 1)));
      snapshot ??= {
        index: index.published,
        get consumers() {
          return sorted();
        },
      };
      return snapshot;
    },
    reindexed() {
      snapshot = undefined;
    },
    instances,
  };
}

/** Sorted by consumer, then service. */
export function topologyOf(
  services: Iterable<readonly [string, ReadonlyMap<string, number>]>,
): TopologySnapshot['edges'] {
  const edges = [...services].flatMap(([service, instances]) =>
    [...instances].map(([consumer, count]) => ({ consumer, service, instances: count })),
  );
  return edges.sort((a, b) => compare(a.consumer, b.consumer) || compare(a.service, b.service));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
