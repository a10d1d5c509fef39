import type { MirrorBatch } from '../zookeeper/index.ts';
import type { ListedProvider, Override } from './ports.ts';

/** What all transitions have in common. */
export interface TransitionFacts {
  readonly service: string;
  readonly id: string;
  /** The whole path of the znode it happened to. */
  readonly znode: string;
  /** The session that owns (owned) the znode; 0n of an override. */
  readonly sessionId: bigint;
  readonly czxid: bigint;
  /** mzxid of a put, the upper bound of the deletion's zxid of what is gone, the service's index where nothing in ZooKeeper moved. */
  readonly zxid: bigint;
  /** Of the batch that brought it; `timer` when a hold lapsed or an overlap became a conflict. */
  readonly reason: MirrorBatch['reason'] | 'timer';
  readonly atWallMs: number;
}

/** One step of the view, in the order in which it happened. Of the cold read there are none. */
export type ViewTransition = TransitionFacts &
  (
    | { readonly kind: 'joined'; readonly provider: ListedProvider }
    | {
        readonly kind: 'changed';
        readonly provider: ListedProvider;
        readonly previous: ListedProvider;
      }
    | {
        readonly kind: 'left';
        readonly previous: ListedProvider;
        /** `gone`: the znode is no longer there; `replaced`: another znode with this id took its place; `renamed`: it claims another id; `rejected`: it is there, but no record any more. */
        readonly how: 'gone' | 'replaced' | 'renamed' | 'rejected';
        /** The provider itself (not an operator's override) had said `draining` or `down`. */
        readonly drained: boolean;
      }
    /** A znode that holds no record; `previous` when it did. */
    | {
        readonly kind: 'rejected';
        readonly detail: string;
        readonly previous: ListedProvider | undefined;
      }
    /** Two znodes claim this id, and both stay. `other` is the path of the one that is not listed. */
    | { readonly kind: 'conflict'; readonly provider: ListedProvider; readonly other: string }
    | { readonly kind: 'suspected'; readonly previous: ListedProvider; readonly detail: string }
    | { readonly kind: 'released'; readonly previous: ListedProvider; readonly detail: string }
    | {
        readonly kind: 'override';
        readonly override: Override | undefined;
        /** There is one, and it cannot be read: why. */
        readonly unreadable: string | undefined;
        readonly previousOverride: Override | undefined;
      }
  );
