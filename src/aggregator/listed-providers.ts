import type { ListedProvider, ServiceCounts } from './ports.ts';

/** The providers of one service as they are listed, with counts that follow each change and a sorted list made when asked for. */
export interface ListedProviders {
  readonly size: number;
  get(id: string): ListedProvider | undefined;
  values(): Iterable<ListedProvider>;
  set(provider: ListedProvider): void;
  delete(id: string): void;
  /** A new object after each change; `suspects` is the caller's to add. */
  counts(): Omit<ServiceCounts, 'suspects'>;
  /** Sorted by id; the same array until something changes. */
  sorted(): readonly ListedProvider[];
}

/** Its fields as an object's own, for a variant of it. */
export function plain(provider: ListedProvider): ListedProvider {
  const { id, record, znode, czxid, mzxid, sessionId, since, override, healthy } = provider;
  return { id, record, znode, czxid, mzxid, sessionId, since, override, healthy };
}

type Tally = { -readonly [K in keyof Omit<ServiceCounts, 'suspects' | 'total'>]: number };

export function listedProviders(): ListedProviders {
  const byId = new Map<string, ListedProvider>();
  const tally: Tally = { up: 0, starting: 0, draining: 0, down: 0, unhealthy: 0 };
  /** Sorted, as of the last time it was asked for; `edited` says which ids it is wrong about. */
  let list: readonly ListedProvider[] = [];
  const edited = new Set<string>();

  const count = (provider: ListedProvider, by: 1 | -1): void => {
    tally[provider.record.status] += by;
    if (provider.healthy === false) tally.unhealthy += by;
  };

  const replace = (id: string, next: ListedProvider | undefined): void => {
    const before = byId.get(id);
    if (before !== undefined) count(before, -1);
    if (next !== undefined) count(next, 1);
    if (next === undefined) byId.delete(id);
    else byId.set(id, next);
    // Once most of the list is wrong it is sorted anew, whatever else is edited.
    if (edited.size * 4 <= list.length) edited.add(id);
  };

  return {
    get size() {
      return byId.size;
    },
    get: id => byId.get(id),
    values: () => byId.values(),
    set: provider => replace(provider.id, provider),
    delete: id => replace(id, undefined),
    counts: () => ({ total: byId.size, ...tally }),
    sorted() {
      if (edited.size > 0) list = merged(list, edited, byId);
      edited.clear();
      return list;
    },
  };
}

/** Few edits cost one pass over the list and no sorting of it; many are sorted anew. */
function merged(
  list: readonly ListedProvider[],
  edited: ReadonlySet<string>,
  byId: ReadonlyMap<string, ListedProvider>,
): readonly ListedProvider[] {
  if (edited.size * 4 > list.length) return [...byId.values()].sort(byIdOrder);
  const inserts = [...edited].flatMap(id => byId.get(id) ?? []).sort(byIdOrder);
  const result: ListedProvider[] = [];
  let at = 0;
  for (const kept of list) {
    if (edited.has(kept.id)) continue;
    for (let next = inserts[at]; next !== undefined && next.id < kept.id; next = inserts[at]) {
      result.push(next);
      at += 1;
    }
    result.push(kept);
  }
  return result.concat(inserts.slice(at));
}

/** By UTF-16 code units, the same on every replica whatever its locale. */
function byIdOrder(a: ListedProvider, b: ListedProvider): number {
  return a.id < b.id ? -1 : 1;
}
