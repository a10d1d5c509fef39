import type { FeedBatch, FeedEvent } from './ports.ts';

/** One telling of the feed, for everybody. */
export interface LogEntry {
  readonly seq: number;
  readonly id: bigint;
  /** Of those who take all services. */
  readonly batch: FeedBatch;
  /** By service, for those who take some. */
  readonly byService: ReadonlyMap<string, readonly FeedEvent[]>;
  /** Those that concern no service. */
  readonly general: readonly FeedEvent[];
  /** Services of which those who came from another replica may know what this one has never seen. */
  readonly unseen: ReadonlySet<string> | 'all';
}

/** The newest tellings, bounded by the number of their events: whoever falls behind further must begin anew. */
export interface FeedLog {
  append(id: bigint, events: readonly FeedEvent[], unseen?: LogEntry['unseen']): void;
  /** The oldest kept entry from `seq` on. */
  at(seq: number): LogEntry | undefined;
  /** The seq of the oldest that is kept, and of the next that is to come. */
  readonly first: number;
  readonly next: number;
}

const NOBODY: ReadonlySet<string> = new Set();

export function feedLog(maxEvents: number): FeedLog {
  const entries = new Map<number, LogEntry>();
  let first = 0;
  let next = 0;
  let events = 0;

  const weightOf = ({ batch }: LogEntry): number => 1 + batch.events.length;

  const shrink = (): void => {
    // The newest always stays, or nobody could be told of a very large one.
    while (events > maxEvents && next - first > 1) {
      const oldest = entries.get(first);
      if (oldest !== undefined) events -= weightOf(oldest);
      entries.delete(first);
      first += 1;
    }
  };

  return {
    append(id, all, unseen = NOBODY) {
      const entry = entryOf(next, id, all, unseen);
      entries.set(next, entry);
      next += 1;
      events += weightOf(entry);
      shrink();
    },
    at: seq => entries.get(seq),
    get first() {
      return first;
    },
    get next() {
      return next;
    },
  };
}

function entryOf(
  seq: number,
  id: bigint,
  events: readonly FeedEvent[],
  unseen: LogEntry['unseen'],
): LogEntry {
  const byService = new Map<string, FeedEvent[]>();
  const general: FeedEvent[] = [];
  for (const event of events) {
    if (event.type === 'reset' || event.type === 'state') {
      general.push(event);
      continue;
    }
    const own = byService.get(event.service);
    if (own === undefined) byService.set(event.service, [event]);
    else own.push(event);
  }
  return { seq, id, batch: { id, events }, byService, general, unseen };
}

/** What of an entry a subscriber takes: of these services (undefined: of all). */
export function eventsFor(
  entry: LogEntry,
  services: ReadonlySet<string> | undefined,
): readonly FeedEvent[] {
  if (services === undefined) return entry.batch.events;
  const { byService, general } = entry;
  if (byService.size === 0) return general;
  const own = [...smallerOf(byService, services)].flatMap(service =>
    services.has(service) ? (byService.get(service) ?? []) : [],
  );
  return general.length === 0 ? own : [...own, ...general];
}

function smallerOf(
  byService: ReadonlyMap<string, unknown>,
  services: ReadonlySet<string>,
): Iterable<string> {
  return byService.size < services.size ? byService.keys() : services;
}
