import { oldestOf } from './oldest.ts';
import type { History, HistoryEntry, HistoryQuery, LeaveCause } from './ports.ts';

export type NewHistoryEntry = Omit<HistoryEntry, 'seq'>;

/** A judgement that later evidence took back. */
export interface Amendment {
  readonly seq: number;
  readonly cause: LeaveCause;
  readonly detail: string;
}

/** Where entries go beside the memory. Never throws, never waits. */
export interface HistoryStore {
  appended(entry: HistoryEntry): void;
  amended(amendment: Amendment): void;
}

export interface HistoryRing extends History {
  append(entry: NewHistoryEntry): HistoryEntry;
  /** Amends an entry that is still remembered; false when it is not. */
  amend(amendment: Amendment): boolean;
  readonly size: number;
}

export interface HistoryOptions {
  /** Entries in all. Default 10 000. */
  readonly capacity?: number;
  /** Entries of one service, so that one that flaps does not push out all others. Default: a tenth of the capacity. */
  readonly perService?: number;
  /** What an earlier run left, oldest first. */
  readonly loaded?: readonly HistoryEntry[];
  readonly store?: HistoryStore | undefined;
}

const NO_STORE: HistoryStore = { appended: () => undefined, amended: () => undefined };

/** The newest last, at most `limit` of them: the newest ones. */
function newest(
  entries: readonly HistoryEntry[],
  { id, sinceWallMs, limit }: HistoryQuery,
): readonly HistoryEntry[] {
  const since = sinceWallMs === undefined ? undefined : new Date(sinceWallMs).toISOString();
  const found: HistoryEntry[] = [];
  for (let at = entries.length - 1; at >= 0 && found.length < limit; at -= 1) {
    const entry = entries[at];
    if (entry === undefined || (since !== undefined && entry.at < since)) continue;
    if (id === undefined || entry.id === id) found.push(entry);
  }
  return found.reverse();
}

/** The entries of one service. */
interface Own {
  readonly seqs: Set<number>;
  readonly oldest: () => number | undefined;
}

/** A bounded memory of what happened; the oldest goes first, of a service that has too many its own oldest. */
export function historyRing(options: HistoryOptions = {}): HistoryRing {
  const { capacity = 10_000, loaded = [], store = NO_STORE } = options;
  const perService = options.perService ?? Math.max(1, Math.ceil(capacity / 10));
  /** By seq, in order: a Map keeps its insertion order, and an amended entry its place. */
  const all = new Map<number, HistoryEntry>();
  const oldest = oldestOf(all);
  const services = new Map<string, Own>();
  let seq = 0;

  const drop = (first: number | undefined): void => {
    const entry = first === undefined ? undefined : all.get(first);
    if (entry === undefined) return;
    all.delete(entry.seq);
    const own = services.get(entry.service);
    own?.seqs.delete(entry.seq);
    if (own?.seqs.size === 0) services.delete(entry.service);
  };

  const ownOf = (service: string): Own => {
    let own = services.get(service);
    if (own === undefined) {
      const seqs = new Set<number>();
      services.set(service, (own = { seqs, oldest: oldestOf(seqs) }));
    }
    return own;
  };

  const remember = (entry: HistoryEntry): void => {
    seq = Math.max(seq, entry.seq);
    const own = ownOf(entry.service);
    all.set(entry.seq, entry);
    own.seqs.add(entry.seq);
    if (own.seqs.size > perService) drop(own.oldest());
    if (all.size > capacity) drop(oldest());
  };

  const ofService = (service: string): readonly HistoryEntry[] =>
    [...(services.get(service)?.seqs ?? [])].flatMap(own => all.get(own) ?? []);

  for (const entry of loaded) remember(entry);

  return {
    append(fresh) {
      const entry: HistoryEntry = { seq: seq + 1, ...fresh };
      remember(entry);
      store.appended(entry);
      return entry;
    },
    amend(amendment) {
      const entry = all.get(amendment.seq);
      if (entry === undefined) return false;
      all.set(entry.seq, { ...entry, cause: amendment.cause, detail: amendment.detail });
      store.amended(amendment);
      return true;
    },
    query(query) {
      if (query.service !== undefined) return newest(ofService(query.service), query);
      return newest([...all.values()], query);
    },
    get size() {
      return all.size;
    },
  };
}
