import type { Clock, Timer } from '../kernel/clock.ts';
import { missedEvents, type SnapshotEvents } from './feed-events.ts';
import { eventsFor, type FeedLog, type LogEntry } from './feed-log.ts';
import type { FeedEvent, FeedOptions } from './ports.ts';
import type { LiveView } from './view.ts';

type ResetReason = Extract<FeedEvent, { readonly type: 'reset' }>['reason'];

/** One subscriber: brought up to date by a plan, then following the log. */
export interface FeedSubscriber {
  /** Hands over one batch, if there is one and it can take one. Returns whether there may be more to do at once. */
  step(): boolean;
  /** It can take batches again. */
  drained(): void;
  /** It has taken a part of what it was handed. */
  taking(): void;
  /** What it was told is void. */
  reset(reason: ResetReason): void;
  /** Waits for this replica to come up to where it was. */
  readonly isHeld: boolean;
  close(): void;
}

export interface FeedSubscriberParts {
  readonly options: FeedOptions;
  readonly view: LiveView;
  readonly log: FeedLog;
  readonly events: SnapshotEvents;
  readonly clock: Clock;
  /** Everything ≤ it has been told, or will be by the entries of the log that are to come. */
  readonly streamId: () => bigint;
  readonly onReset: () => void;
  /** There is something to do again. */
  readonly wake: () => void;
  /** It took nothing for `slowMs`. */
  readonly onSlow: () => void;
  readonly slowMs: number;
  readonly holdMs: number;
}

/** What is left to be handed over until it can follow the log. */
interface Plan {
  readonly events: FeedEvent[];
  /** Services of which all is told. */
  readonly snapshots: string[];
  /** What it knows everything up to meanwhile; 0n: of nothing. */
  readonly knows: bigint;
  /** What it knows everything up to at the end. */
  readonly id: bigint;
}

const EVENTS_A_BATCH = 500;
const PROVIDERS_A_BATCH = 1_000;

export function feedSubscriber(parts: FeedSubscriberParts): FeedSubscriber {
  const { options, view, log, events, clock } = parts;
  const names = options.services === undefined ? undefined : [...new Set(options.services)];
  const services = names === undefined ? undefined : new Set(names);
  let plan: Plan | undefined;
  let begun = false;
  let held: Timer | undefined;
  let holdLapsed = false;
  let toReset: ResetReason | undefined;
  /** The entry of the log that comes next, once the plan is done. */
  let cursor = log.next;
  /** Services told of as they were at a later place in the log: what comes before it is not told again. */
  const aheadOfLog = new Map<string, number>();
  /**
   * Where it comes from it may have been told of nodes that this replica will never see, until it has been given all of a service
   * here. undefined: it began here.
   */
  let givenHere: Set<string> | undefined;
  /** Services of which nothing is known, because they cannot be read: an empty snapshot would be taken for the truth. */
  const unread = new Set<string>();
  let lastId = 0n;
  let blocked: Timer | undefined;
  let isBlocked = false;
  /** When it was handed something last, or took a part of it. */
  let tookMs = 0;
  let closed = false;

  /** One timer for as long as it is blocked, however often it takes a part. */
  const watchIt = (forMs: number): void => {
    const look = (): void => {
      const leftMs = tookMs + parts.slowMs - clock.nowMs();
      if (leftMs > 0) watchIt(leftMs);
      else parts.onSlow();
    };
    blocked = clock.after(forMs, look, { unref: true });
  };

  const hand = (id: bigint, batch: readonly FeedEvent[], whole?: LogEntry): void => {
    if (id > lastId) lastId = id;
    const isShared = whole !== undefined && whole.batch.events === batch && whole.id === lastId;
    if (options.onBatch(isShared ? whole.batch : { id: lastId, events: batch }) || closed) return;
    isBlocked = true;
    tookMs = clock.nowMs();
    watchIt(parts.slowMs);
  };

  const startPlan = (made: Omit<Plan, 'id'>): void => {
    cursor = log.next;
    aheadOfLog.clear();
    unread.clear();
    plan = { ...made, id: parts.streamId() };
    lastId = made.knows;
  };

  const everything = (): string[] => {
    if (names !== undefined) return [...names];
    // A provider may be known before its service's directory is.
    return [...view.knownServices()].filter(name => {
      const { total, suspects } = view.service(name).counts;
      return view.has(name) || total + suspects > 0;
    });
  };

  const beginAnew = (reason?: ResetReason): void => {
    if (reason !== undefined) parts.onReset();
    givenHere = undefined;
    startPlan({
      events: reason === undefined ? [] : [{ type: 'reset', reason }],
      snapshots: everything(),
      knows: 0n,
    });
  };

  const resume = (from: bigint): void => {
    if (names === undefined && view.mayHaveMissedServices(from))
      return beginAnew('history-too-short');
    const missed: FeedEvent[] = [];
    const snapshots: string[] = [];
    for (const name of names ?? view.knownServices()) {
      if (view.unreadable(name) !== undefined) {
        snapshots.push(name);
        continue;
      }
      const what = view.resume(name, from);
      if (what.kind === 'snapshot') snapshots.push(name);
      else {
        const snapshot = view.service(name);
        if (what.kind === 'deltas')
          for (const event of missedEvents(snapshot, from, what.changed, what.left))
            missed.push(event);
        missed.push(events.suspects(snapshot));
      }
    }
    givenHere = new Set();
    startPlan({ events: missed, snapshots, knows: from });
  };

  /** Decides how it is brought up to date, once this replica is as far as it was. */
  const begin = (): void => {
    const { resumeFrom } = options;
    if (resumeFrom === undefined) beginAnew();
    else if (resumeFrom <= view.watermark) resume(resumeFrom);
    else if (holdLapsed) beginAnew('behind-replica');
    else {
      const lapse = (): void => {
        holdLapsed = true;
        parts.wake();
      };
      held ??= clock.after(parts.holdMs, lapse, { unref: true });
      return;
    }
    held?.cancel();
    begun = true;
  };

  const isRead = (name: string): boolean => {
    if (view.unreadable(name) === undefined) return true;
    unread.add(name);
    return false;
  };

  /** All of a service as it is now. What is in the log already is older. */
  const give = (name: string): Extract<FeedEvent, { readonly type: 'snapshot' }> => {
    givenHere?.add(name);
    unread.delete(name);
    if (log.next > cursor) aheadOfLog.set(name, log.next);
    return events.whole(view.service(name));
  };

  const takeSnapshots = (from: Plan): readonly FeedEvent[] => {
    const batch: FeedEvent[] = [];
    let providers = 0;
    while (
      from.snapshots.length > 0 &&
      providers < PROVIDERS_A_BATCH &&
      batch.length < EVENTS_A_BATCH
    ) {
      const name = from.snapshots.pop();
      if (name === undefined) break;
      if (!isRead(name)) continue;
      const event = give(name);
      providers += event.providers.length;
      batch.push(event);
    }
    return batch;
  };

  const carryOut = (current: Plan): boolean => {
    const batch =
      current.events.length > 0 ? current.events.splice(0, EVENTS_A_BATCH) : takeSnapshots(current);
    if (current.events.length + current.snapshots.length > 0) {
      hand(current.knows, batch);
      return true;
    }
    plan = undefined;
    hand(current.id, [...batch, { type: 'state', state: view.state }]);
    return true;
  };

  /** What of an entry is news to it. */
  const news = (entry: LogEntry): readonly FeedEvent[] => {
    const all = eventsFor(entry, services);
    if (aheadOfLog.size === 0) return all;
    return all.filter(event => {
      if (event.type === 'reset' || event.type === 'state') return true;
      const known = aheadOfLog.get(event.service);
      return known === undefined || entry.seq >= known;
    });
  };

  /** Services of which it may know what was never seen here, and which it has not been given here. */
  const unseenServices = ({ unseen }: LogEntry): readonly string[] => {
    if (givenHere === undefined) return [];
    const may =
      unseen === 'all' ? (names ?? []) : [...unseen].filter(name => services?.has(name) ?? true);
    return may.filter(name => givenHere?.has(name) !== true);
  };

  const readNow = (): readonly string[] =>
    unread.size === 0 ? [] : [...unread].filter(name => view.unreadable(name) === undefined);

  const follow = (): boolean => {
    if (cursor < log.first) {
      beginAnew('too-far-behind');
      return true;
    }
    const entry = log.at(cursor);
    if (entry === undefined) return false;
    if (entry.unseen === 'all' && givenHere !== undefined && names === undefined) {
      beginAnew('history-too-short');
      return true;
    }
    const given = new Set([...readNow(), ...unseenServices(entry).filter(isRead)]);
    const batch = given.size === 0 ? news(entry) : [...Array.from(given, give), ...news(entry)];
    cursor += 1;
    if (cursor >= log.next) aheadOfLog.clear();
    const isOnlyId = entry.batch.events.length === 0;
    if (batch.length > 0 || (isOnlyId && entry.id > lastId)) hand(entry.id, batch, entry);
    return true;
  };

  return {
    step() {
      if (closed || isBlocked) return false;
      if (toReset !== undefined) {
        beginAnew(toReset);
        begun = true;
        held?.cancel();
        toReset = undefined;
      }
      if (!begun) begin();
      if (!begun) return false;
      return plan === undefined ? follow() : carryOut(plan);
    },
    drained() {
      if (!isBlocked) return;
      isBlocked = false;
      blocked?.cancel();
      parts.wake();
    },
    taking() {
      tookMs = clock.nowMs();
    },
    reset(reason) {
      toReset = reason;
      parts.wake();
    },
    get isHeld() {
      return !begun;
    },
    close() {
      closed = true;
      held?.cancel();
      blocked?.cancel();
    },
  };
}
