import type { WaitOptions } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import type { Picked, PickOptions } from './pick.ts';
import type { ProtectionSettings } from './protection.ts';
import type { ProviderRecord } from './record.ts';
import type { RosterDelta } from './roster.ts';
import type { Rejected } from './service-pictures.ts';

export type SubscriptionState =
  /** Nothing is known yet. */
  | { readonly kind: 'syncing' }
  /** Only what the snapshot on disk says: as it was then. */
  | { readonly kind: 'snapshot'; readonly savedAtWallMs: number }
  | { readonly kind: 'live' }
  /** ZooKeeper is away, or what was missed is still being read: as it was then. */
  | { readonly kind: 'stale'; readonly sinceWallMs: number };

export type SubscriptionEvent =
  /** The whole list of one service. */
  | {
      readonly type: 'set';
      readonly service: string;
      readonly providers: readonly ProviderRecord[];
    }
  | (RosterDelta & { readonly service: string })
  /** The whole list of those that may be tried when no provider is left. */
  | {
      readonly type: 'suspects';
      readonly service: string;
      readonly suspects: readonly ProviderRecord[];
    }
  | { readonly type: 'state'; readonly state: SubscriptionState };

export interface SubscribeOptions {
  /** Default `/rollcall`. */
  readonly root?: string;
  /** Where what is known is kept for a start while ZooKeeper is down. One file for each subscription. */
  readonly snapshotFile?: string;
  /** What is left out keeps its default. */
  readonly protection?: Partial<ProtectionSettings>;
  /** Mean time between audits of the copy, see `MirrorOptions`; 0 switches them off. Default 300 000. */
  readonly auditEveryMs?: number;
  /** Told of each record or override that could not be read, and is skipped. */
  readonly onRejected?: (rejected: Rejected) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** The providers of some services, kept up to date by watches. */
export interface Subscription extends AsyncDisposable {
  readonly services: readonly string[];
  readonly state: SubscriptionState;
  /**
   * All that are announced, of every status, sorted by id, overrides merged in; the same array until something in it changes. Empty
   * while `state` is `syncing`: that says nothing.
   *
   * @param service may be left out when only one is subscribed to.
   */
  providers(service?: string): readonly ProviderRecord[];
  /** Those that vanished suspiciously many at a time, not long ago. */
  suspects(service?: string): readonly ProviderRecord[];
  /**
   * Picks one that is `up` and weighs something; a suspect, and says so, when there is none.
   *
   * @throws RollcallError VIEW_SYNCING before the first list is there, NO_PROVIDER when there is nobody to pick, INVALID_REQUEST;
   * what ZooKeeper said when the service may not be read (NO_AUTH).
   */
  pick(options?: PickOptions): Picked;
  /** First told the whole list of each service, if there is one yet, then each difference, in order. Returns how to stop. */
  onEvent(listener: (event: SubscriptionEvent) => void): () => void;
  /** Resolves when there is a list: the live one, or the snapshot's. @throws SESSION_CLOSED, SHUTTING_DOWN. */
  ready(options?: WaitOptions): Promise<void>;
  /** Writes the snapshot if it is due, and ends. Idempotent. The session stays open. */
  close(): Promise<void>;
}
