/**
 * What the faces (http, dns) may know of the aggregator: types only, so that they can be tested and read apart from it.
 * Everything handed out is immutable; a snapshot keeps its identity until something in it changes, so that faces may cache
 * what they encoded by it (WeakMap).
 */

import type { WaitOptions } from '../kernel/abort.ts';
import type {
  ConsumerRecord,
  Override,
  ProviderRecord,
  ProviderStatus,
} from '../registry/index.ts';

export type ViewState =
  /** No complete view yet: lookups answer 503 VIEW_SYNCING. */
  | { readonly kind: 'syncing' }
  | { readonly kind: 'live' }
  /** ZooKeeper is away, or the re-read after a reconnect is not complete. Times in ms: wall clock since, for people; age for metrics. */
  | { readonly kind: 'stale'; readonly sinceWallMs: number };

/** One provider as it is listed: the record with the operator's override merged in. */
export interface ListedProvider {
  readonly id: string;
  /** Effective: weight and status already carry the override (drain → draining, disabled → down). Unknown fields are kept. */
  readonly record: ProviderRecord;
  /** The record's; who asks for nothing else spares its decoding. */
  readonly status: ProviderStatus;
  /** What `JSON.stringify(record)` gives, where that is at hand without decoding the record; none but its own fields are in it. */
  readonly recordJson?: string | undefined;
  /** The whole path of the znode. */
  readonly znode: string;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly sessionId: bigint;
  /** ISO 8601, from the znode's ctime. */
  readonly since: string;
  readonly override: Override | undefined;
  /** The verdict of an active check, once there are any; undefined: not checked. */
  readonly healthy: boolean | undefined;
}

export interface SuspectProvider extends ListedProvider {
  /** ISO 8601: when it vanished, and until when it is kept at the longest. */
  readonly vanishedAt: string;
  readonly heldUntil: string;
  readonly reason: string;
  /** What was listed of it last. */
  readonly last?: ListedProvider;
}

export interface ServiceCounts {
  readonly total: number;
  readonly up: number;
  readonly starting: number;
  readonly draining: number;
  readonly down: number;
  readonly unhealthy: number;
  readonly suspects: number;
}

export interface ListedConsumer {
  readonly record: ConsumerRecord;
  readonly znode: string;
  readonly since: string;
}

/** A service at one moment. Getters may compute lazily, once: use them in the turn in which you got the snapshot. */
export interface ServiceSnapshot {
  readonly name: string;
  /** The published index (DESIGN §5): never ahead of what is known. */
  readonly index: bigint;
  readonly counts: ServiceCounts;
  /** Every listed provider of every status, sorted by id. */
  readonly providers: readonly ListedProvider[];
  readonly suspects: readonly SuspectProvider[];
  /** ISO 8601 of the last join, change or leave that this replica saw; undefined when it saw none. */
  readonly lastChange: string | undefined;
}

/** All services at one moment, sorted by name. The line of a service keeps its identity until something of it changes. */
export interface ServicesSnapshot {
  readonly index: bigint;
  readonly services: readonly {
    readonly name: string;
    readonly index: bigint;
    readonly counts: ServiceCounts;
  }[];
}

/** Consumers have an index of their own. */
export interface ConsumersSnapshot {
  readonly index: bigint;
  readonly consumers: readonly ListedConsumer[];
}

export interface TopologySnapshot {
  readonly index: bigint;
  /** Sorted by consumer, then service. `instances`: how many consumer registrations. */
  readonly edges: readonly {
    readonly consumer: string;
    readonly service: string;
    readonly instances: number;
  }[];
}

export interface View {
  readonly state: ViewState;
  /** W over everything that is mirrored. */
  readonly watermark: bigint;
  /** Never undefined: an unknown service is an empty snapshot, whose index is the pzxid of the services' directory. */
  service(name: string): ServiceSnapshot;
  /** Whether the service has a directory. */
  has(name: string): boolean;
  /**
   * Why nothing is known of a service: its directory cannot be read (a missing right, for one), and what there was before is not known
   * either. undefined: what `service` says is so. An empty list would be taken for the truth. Without a name: of all services.
   */
  unreadable(service?: string): string | undefined;
  /** The same of its consumers. Without a name: why there seem to be none of any service. */
  unreadableConsumers(service?: string): string | undefined;
  services(): ServicesSnapshot;
  consumers(service: string): ConsumersSnapshot;
  topology(): TopologySnapshot;
  /** Called (synchronously, coalesced per turn) when the snapshot of this service, its index included, is not what it was. */
  onService(name: string, listener: () => void): () => void;
  /** The same for the list of services, for a service's consumers and the topology (`topic`), and for W. */
  onTopic(
    topic: 'services' | 'consumers' | 'watermark' | 'derived' | 'members',
    listener: () => void,
  ): () => void;
  onState(listener: (state: ViewState) => void): () => void;
  /** Resolves when the first complete view is there. */
  ready(options?: WaitOptions): Promise<void>;
}

export type LeaveCause =
  | 'deregistered'
  | 'crashed-or-expired'
  | 'deleted-by-other'
  | 'vanished'
  | 'replaced'
  /** The znode is there, but its bytes are no longer a record. */
  | 'rejected';

export type FeedEvent =
  /** The whole set of one service: what the subscriber knew of it is void. */
  | {
      readonly type: 'snapshot';
      readonly service: string;
      readonly index: bigint;
      readonly providers: readonly ListedProvider[];
      readonly suspects: readonly SuspectProvider[];
    }
  | {
      readonly type: 'joined' | 'changed';
      readonly service: string;
      readonly index: bigint;
      readonly provider: ListedProvider;
    }
  | {
      readonly type: 'left';
      readonly service: string;
      readonly index: bigint;
      readonly id: string;
      readonly cause: LeaveCause;
      readonly provider: ListedProvider | undefined;
    }
  /** The whole set of suspects of one service. */
  | {
      readonly type: 'suspects';
      readonly service: string;
      readonly index: bigint;
      readonly suspects: readonly SuspectProvider[];
    }
  /** What was known of every service of this subscription is void; snapshots follow. */
  | {
      readonly type: 'reset';
      readonly reason:
        | 'too-far-behind'
        | 'index-went-back'
        | 'history-too-short'
        | 'behind-replica';
    }
  | { readonly type: 'state'; readonly state: ViewState };

export interface FeedBatch {
  /** The stream's watermark after these events: every change with zxid ≤ id has been handed over. */
  readonly id: bigint;
  /** Event objects are shared by all subscribers: encode once (WeakMap). May be empty: only the watermark moved. */
  readonly events: readonly FeedEvent[];
}

export interface FeedOptions {
  /** Only these services; undefined: all. */
  readonly services?: readonly string[] | undefined;
  /** The stream id up to which the subscriber knows everything. undefined: begins with snapshots. */
  readonly resumeFrom?: bigint | undefined;
  /** Takes a batch; returns false when it cannot take more now (the feed then keeps back until `drained`, and `reset`s when too much piled up). */
  readonly onBatch: (batch: FeedBatch) => boolean;
  /** The feed gave this subscriber up: it stopped reading, the daemon shuts down, or there are too many. */
  readonly onEnd: (reason: 'slow' | 'shutdown') => void;
}

export interface FeedSubscription {
  /** The subscriber can take batches again. */
  drained(): void;
  /** It cannot yet, but it has just taken a part of what it was handed: it is not one that has stopped. */
  taking(): void;
  close(): void;
}

export interface Feed {
  /** @throws RollcallError LIMIT_REACHED when there are too many subscribers, VIEW_SYNCING before the first complete view. */
  subscribe(options: FeedOptions): FeedSubscription;
  readonly subscribers: number;
}

export interface HistoryEntry {
  /** Rises by one with each entry of this replica. */
  readonly seq: number;
  readonly at: string;
  readonly service: string;
  readonly id: string;
  readonly event:
    | 'joined'
    | 'changed'
    | 'left'
    | 'suspected'
    | 'released'
    | 'rejected'
    | 'override'
    | 'conflict';
  readonly cause: LeaveCause | undefined;
  readonly zxid: bigint;
  readonly znode: string | undefined;
  /** One sentence for people. */
  readonly detail: string;
}

export interface HistoryQuery {
  readonly service?: string | undefined;
  readonly id?: string | undefined;
  /** Milliseconds since 1970; entries at or after it. */
  readonly sinceWallMs?: number | undefined;
  readonly limit: number;
}

export interface History {
  /** Newest last. */
  query(query: HistoryQuery): readonly HistoryEntry[];
}

export interface Explanation {
  readonly service: string;
  readonly id: string;
  readonly listed: boolean;
  /** Whether it is in the default answer (status up, not unhealthy). */
  readonly inDefaultList: boolean;
  /** Sentences, the deciding one first. */
  readonly reasons: readonly string[];
  /** Every znode that claims this id, or whose bytes were rejected and name it; with the verdict on each. */
  readonly znodes: readonly {
    readonly znode: string;
    readonly czxid: bigint;
    readonly sessionId: bigint;
    readonly verdict: 'listed' | 'superseded' | 'conflict' | 'rejected';
    readonly detail: string;
  }[];
  readonly provider: ListedProvider | undefined;
  readonly suspect: SuspectProvider | undefined;
  readonly override: Override | undefined;
  readonly history: readonly HistoryEntry[];
}

export interface AggregatorMember {
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly since: string;
  readonly master: boolean;
  /** As the member itself reported last; the member asked answers for itself. */
  readonly view: ViewState['kind'] | 'unknown';
}

export interface AggregatorsSnapshot {
  readonly self: string;
  readonly members: readonly AggregatorMember[];
  /** The master's id and its term's fencing token (the czxid of its latch node), as seen in ZooKeeper. */
  readonly master: { readonly id: string; readonly token: bigint } | undefined;
}

/** What the master derived, as this replica reads it from ZooKeeper. Every field is the master's word. */
export interface DerivedService {
  readonly name: string;
  readonly health: 'healthy' | 'degraded' | 'down';
  readonly counts: ServiceCounts;
  readonly zones: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, number>>;
  /** Joins and leaves in the window, for each hour's worth; see the docs of the flap score. */
  readonly flaps: number;
  readonly lastChange: string | undefined;
}

export interface DerivedSnapshot {
  /** The largest mzxid of the derived nodes, as far as nothing below it is still to be read. */
  readonly index: bigint;
  /** undefined until a master has written. */
  readonly overview: DerivedOverview | undefined;
  /** The same object for as long as the master says the same of the service. */
  service(name: string): DerivedService | undefined;
  readonly services: readonly DerivedService[];
}

export interface DerivedOverview {
  readonly writtenAt: string;
  readonly by: string;
  readonly token: string;
  readonly services: number;
  readonly providers: number;
  readonly counts: ServiceCounts;
}

/** Everything that a face needs. */
export interface AggregatorPort {
  readonly id: string;
  readonly view: View;
  readonly feed: Feed;
  readonly history: History;
  explain(service: string, id: string): Explanation;
  aggregators(): AggregatorsSnapshot;
  derived(): DerivedSnapshot;
  /**
   * Writes an operator's override and resolves with its zxid once this replica's view shows it.
   * @throws ZOOKEEPER_UNAVAILABLE when ZooKeeper is away, INVALID_REQUEST.
   */
  putOverride(
    service: string,
    id: string,
    override: Override,
    options?: WaitOptions,
  ): Promise<{ readonly index: bigint }>;
  /** @returns false when there was none. */
  deleteOverride(service: string, id: string, options?: WaitOptions): Promise<boolean>;
}

export type { Override };
