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
  return new Consumers();
}

const NOBODY: ReadonlyMap<string, number> = new Map();

/** A class: there is one for each service, and many have no consumers that say so. */
class Consumers implements ConsumersState {
  readonly index = publishedIndex();
  /** Made for the first. */
  private nodes: Map<ZnodePath, ListedConsumer> | undefined;
  private counts: Map<string, number> | undefined;
  private latest: ConsumersSnapshot | undefined;
  private list: readonly ListedConsumer[] | undefined;

  get size(): number {
    return this.nodes?.size ?? 0;
  }

  get instances(): ReadonlyMap<string, number> {
    return this.counts ?? NOBODY;
  }

  put(node: MirrorNode, record: ConsumerRecord): void {
    const { path: znode, ctimeMs } = node;
    this.remove(znode);
    this.nodes ??= new Map();
    this.nodes.set(znode, { record, znode, since: new Date(ctimeMs).toISOString() });
    this.count(record.consumer, 1);
  }

  remove(znode: ZnodePath): boolean {
    const known = this.nodes?.get(znode);
    if (known === undefined) return false;
    this.nodes?.delete(znode);
    this.count(known.record.consumer, -1);
    return true;
  }

  snapshot(): ConsumersSnapshot {
    const sorted = (): readonly ListedConsumer[] =>
      (this.list ??= [...(this.nodes?.values() ?? [])].sort((a, b) =>
        a.znode < b.znode ? -1 : 1,
      ));
    this.latest ??= {
      index: this.index.published,
      get consumers() {
        return sorted();
      },
    };
    return this.latest;
  }

  reindexed(): void {
    this.latest = undefined;
  }

  private count(consumer: string, by: 1 | -1): void {
    const counts = (this.counts ??= new Map());
    const next = (counts.get(consumer) ?? 0) + by;
    if (next === 0) counts.delete(consumer);
    else counts.set(consumer, next);
    this.list = undefined;
    this.latest = undefined;
  }
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
