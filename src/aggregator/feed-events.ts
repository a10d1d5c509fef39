import type { FoldedService } from './feed-coalescer.ts';
import type { FeedEvent, ListedProvider, ServiceSnapshot } from './ports.ts';
import type { Tombstone } from './tombstones.ts';

type SnapshotEvent = Extract<FeedEvent, { readonly type: 'snapshot' }>;
type SuspectsEvent = Extract<FeedEvent, { readonly type: 'suspects' }>;

/** Events made from snapshots: the same object for everybody, as long as the snapshot is the same. */
export interface SnapshotEvents {
  whole(snapshot: ServiceSnapshot): SnapshotEvent;
  suspects(snapshot: ServiceSnapshot): SuspectsEvent;
}

export function snapshotEvents(): SnapshotEvents {
  const wholes = new WeakMap<ServiceSnapshot, SnapshotEvent>();
  const suspected = new WeakMap<ServiceSnapshot, SuspectsEvent>();
  return {
    whole(snapshot) {
      const known = wholes.get(snapshot);
      if (known !== undefined) return known;
      const { name: service, index, providers, suspects } = snapshot;
      const made: SnapshotEvent = { type: 'snapshot', service, index, providers, suspects };
      wholes.set(snapshot, made);
      return made;
    },
    suspects(snapshot) {
      const known = suspected.get(snapshot);
      if (known !== undefined) return known;
      const { name: service, index, suspects } = snapshot;
      const made: SuspectsEvent = { type: 'suspects', service, index, suspects };
      suspected.set(snapshot, made);
      return made;
    },
  };
}

/** What is told of one service at the end of a window: the truth first, then the suspects beside it. */
export function foldedEvents(
  { service, changes, suspects }: FoldedService,
  snapshot: ServiceSnapshot,
  events: SnapshotEvents,
): readonly FeedEvent[] {
  const { index } = snapshot;
  const deltas = changes.map(({ id, told, now, cause = 'vanished' }): FeedEvent => {
    if (now === undefined) return { type: 'left', service, index, id, cause, provider: told };
    return { type: told === undefined ? 'joined' : 'changed', service, index, provider: now };
  });
  return suspects ? [...deltas, events.suspects(snapshot)] : deltas;
}

/** What somebody who knows everything ≤ `from` has missed of one service. */
export function missedEvents(
  { name: service, index }: ServiceSnapshot,
  from: bigint,
  changed: readonly ListedProvider[],
  left: readonly (readonly [string, Tombstone])[],
): readonly FeedEvent[] {
  return [
    ...left.map(
      ([id, { cause, provider }]): FeedEvent => ({
        type: 'left',
        service,
        index,
        id,
        cause,
        provider,
      }),
    ),
    ...changed.map(
      (provider): FeedEvent => ({
        type: provider.czxid > from ? 'joined' : 'changed',
        service,
        index,
        provider,
      }),
    ),
  ];
}
