import type { ListedProvider, ServiceCounts } from './ports.ts';

/** The providers of one service as they are listed, with counts that follow each change and a sorted list made when asked for. */
export interface ListedProviders {
  readonly size: number;
  get(id: string): ListedProvider | undefined;
  values(): Iterable<ListedProvider>;
  set(provider: ListedProvider): void;
  /** Of ids that are not listed yet; returns the others. */
  addNew<T extends ListedProvider>(providers: readonly T[]): readonly T[];
  delete(id: string): void;
  /** A new object after each change; `suspects` is the caller's to add. */
  counts(): Omit<ServiceCounts, 'suspects'>;
  /** Sorted by id; the same array until something changes. */
  sorted(): readonly ListedProvider[];
}

/** Its fields as an object's own, for a variant of it. */
export function plain(provider: ListedProvider): ListedProvider {
  const { id, record, status, znode, czxid, mzxid, sessionId, since, override, healthy } = provider;
  return { id, record, status, znode, czxid, mzxid, sessionId, since, override, healthy };
}

type Tally = { -readonly [K in keyof Omit<ServiceCounts, 'suspects' | 'total'>]: number };

export function listedProviders(): ListedProviders {
  return new Listing();
}

/** A class: there is one for each service. */
class Listing implements ListedProviders {
  private readonly byId = new Map<string, ListedProvider>();
  private readonly tally: Tally = { up: 0, starting: 0, draining: 0, down: 0, unhealthy: 0 };
  /** Sorted, as of the last time it was asked for; `edited` says which ids it is wrong about. */
  private list: readonly ListedProvider[] = [];
  private readonly edited = new Set<string>();

  get size(): number {
    return this.byId.size;
  }

  get(id: string): ListedProvider | undefined {
    return this.byId.get(id);
  }

  values(): Iterable<ListedProvider> {
    return this.byId.values();
  }

  set(provider: ListedProvider): void {
    this.replace(provider.id, provider);
  }

  addNew<T extends ListedProvider>(providers: readonly T[]): readonly T[] {
    const known: T[] = [];
    for (const provider of providers) {
      if (this.byId.has(provider.id)) known.push(provider);
      else this.replace(provider.id, provider);
    }
    return known;
  }

  delete(id: string): void {
    this.replace(id, undefined);
  }

  counts(): Omit<ServiceCounts, 'suspects'> {
    return { total: this.byId.size, ...this.tally };
  }

  sorted(): readonly ListedProvider[] {
    if (this.edited.size > 0) this.list = merged(this.list, this.edited, this.byId);
    this.edited.clear();
    return this.list;
  }

  private replace(id: string, next: ListedProvider | undefined): void {
    const { byId, edited } = this;
    const before = byId.get(id);
    if (before !== undefined) this.count(before, -1);
    if (next !== undefined) this.count(next, 1);
    if (next === undefined) byId.delete(id);
    else byId.set(id, next);
    // Once most of the list is wrong it is sorted anew, whatever else is edited.
    if (edited.size * 4 <= this.list.length) edited.add(id);
  }

  private count(provider: ListedProvider, by: 1 | -1): void {
    this.tally[provider.status] += by;
    if (provider.healthy === false) this.tally.unhealthy += by;
  }
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
