import type { Clock } from '../kernel/clock.ts';
import {
  applyOverride,
  type Override,
  type ProtectionSettings,
  type ProviderRecord,
} from '../registry/index.ts';
import type { MirrorNode } from '../zookeeper/index.ts';
import { type ListedProviders, listedProviders, plain } from './listed-providers.ts';
import type { LeaveCause, ListedProvider, ServiceSnapshot } from './ports.ts';
import {
  type IdClaims,
  type ProviderClaim,
  type ProviderClaims,
  providerClaims,
  type RejectedClaim,
} from './provider-claims.ts';
import { type ServiceConflicts, rivalOf, serviceConflicts } from './service-conflicts.ts';
import { type ServiceMemory, serviceMemory } from './service-memory.ts';
import { type ServiceSuspects, serviceSuspects } from './service-suspects.ts';
import type { TransitionFacts, ViewTransition } from './transitions.ts';
import type { Gathering, Occasion } from './view-notice.ts';

export interface ServiceStateParts {
  readonly name: string;
  readonly clock: Clock;
  readonly protection: ProtectionSettings;
  readonly conflictAfterMs: number;
  readonly maxTombstones: number;
  /** Why a provider left. */
  readonly judge: (left: Extract<ViewTransition, { readonly kind: 'left' }>) => LeaveCause;
  /** Takes in what a timer brought about, outside of any batch. */
  readonly onTimer: (apply: (occasion: Occasion, into: Gathering) => void) => void;
}

/** Where a change comes from, and where its consequences go; undefined: the cold read, of which nothing is told. */
export interface Step {
  readonly occasion: Occasion;
  readonly into: Gathering | undefined;
}

/** One service: who claims to provide it, what is listed, and what is remembered of those who left. */
export interface ServiceState {
  readonly name: string;
  readonly memory: ServiceMemory;
  readonly listed: ListedProviders;
  readonly suspects: ServiceSuspects;
  /** @param isNew its znode has claimed nothing before. */
  claim(claim: ProviderClaim, isNew: boolean, step: Step): void;
  /** The znode is there, and holds no record. */
  reject(rejected: RejectedClaim, step: Step): void;
  /** @param unread it had said something more that could not be read before it went: a crash says nothing, so it said that it goes. */
  unclaim(node: MirrorNode, zxid: bigint, unread: boolean, step: Step): void;
  override(
    id: string,
    override: Override | undefined,
    at: { readonly znode: string; readonly czxid: bigint; readonly zxid: bigint },
    step: Step,
  ): void;
  snapshot(): ServiceSnapshot;
  /** The published index moved: the snapshot is another one. */
  reindexed(): void;
  /** Whether the snapshot is another one than when this was last asked. */
  takeChanged(): boolean;
  claimsOf(id: string): IdClaims | undefined;
  rejected(): Iterable<RejectedClaim>;
  overrideOf(id: string): Override | undefined;
  isConflict(id: string): boolean;
  close(): void;
}

/** How many rejected znodes of one service are kept for `explain`; more are only counted. */
const MAX_REJECTED = 1_000;

const saysItGoes = ({ status }: ProviderRecord): boolean =>
  status === 'draining' || status === 'down';

export function serviceState(parts: ServiceStateParts): ServiceState {
  const { name, clock } = parts;
  const claims: ProviderClaims = providerClaims();
  const listed = listedProviders();
  const overrides = new Map<string, { readonly value: Override; readonly zxid: bigint }>();
  const rejects = new Map<string, RejectedClaim>();
  const memory = serviceMemory(parts.maxTombstones);
  let snapshot: ServiceSnapshot | undefined;
  let isChanged = true;
  let lastChange: string | undefined;

  const suspects = serviceSuspects({
    clock,
    settings: parts.protection,
    onReleased: released =>
      parts.onTimer((occasion, into) => {
        for (const provider of released)
          tellReleased(provider, 'its hold has lapsed', { occasion, into });
      }),
  });
  const conflicts: ServiceConflicts = serviceConflicts({
    clock,
    afterMs: parts.conflictAfterMs,
    onConflict: id => parts.onTimer((occasion, into) => tellConflict(id, { occasion, into })),
  });

  const factsOf = (
    id: string,
    of: Pick<ProviderClaim, 'znode' | 'sessionId' | 'czxid'>,
    zxid: bigint,
    { occasion }: Step,
  ): TransitionFacts => {
    const { reason, atWallMs } = occasion;
    return {
      service: name,
      id,
      znode: of.znode,
      sessionId: of.sessionId,
      czxid: of.czxid,
      zxid,
      reason,
      atWallMs,
    };
  };

  const invalidate = (): void => {
    snapshot = undefined;
    isChanged = true;
  };

  const tellSuspects = ({ into }: Step): void => {
    invalidate();
    into?.suspects.add(name);
  };

  const tellReleased = (previous: ListedProvider, detail: string, step: Step): void => {
    tellSuspects(step);
    const facts = factsOf(previous.id, previous, memory.index.full, step);
    step.into?.transitions.push({ ...facts, kind: 'released', previous, detail });
  };

  const tellConflict = (id: string, step: Step): void => {
    const provider = listed.get(id);
    const rival = rivalOf(claims.of(id));
    if (provider === undefined || rival === undefined) return;
    const facts = factsOf(id, provider, memory.index.full, step);
    step.into?.transitions.push({ ...facts, kind: 'conflict', provider, other: rival.znode });
  };

  const listing = (id: string): ListedProvider | undefined => {
    const claim = claims.winner(id);
    const override = overrides.get(id)?.value;
    if (claim === undefined || override === undefined) return claim;
    return { ...plain(claim), record: applyOverride(claim.record, override), override };
  };

  const enter = (after: ListedProvider, step: Step): void => {
    listed.set(after);
    memory.joined(after.id);
    const back = suspects.returned(after.id);
    if (back !== undefined) tellReleased(back, 'it is listed again', step);
    step.into?.transitions.push({
      ...factsOf(after.id, after, after.mzxid, step),
      kind: 'joined',
      provider: after,
    });
  };

  const leave = (before: ListedProvider, how: Departure, zxid: bigint, step: Step): LeaveCause => {
    const left = {
      ...factsOf(before.id, before, zxid, step),
      kind: 'left',
      previous: before,
      ...how,
    } as const;
    const cause = parts.judge(left);
    step.into?.transitions.push(left);
    return cause;
  };

  const vanish = (before: ListedProvider, how: Departure, zxid: bigint, step: Step): LeaveCause => {
    const providersBefore = listed.size;
    listed.delete(before.id);
    const cause = leave(before, how, zxid, step);
    memory.left(before.id, { zxid, cause, provider: before });
    if (how.how !== 'gone') return cause;
    const goes = how.drained || saysItGoes(before.record);
    for (const suspect of suspects.vanished(before, goes, providersBefore)) {
      tellSuspects(step);
      const facts = factsOf(suspect.id, suspect, zxid, step);
      step.into?.transitions.push({
        ...facts,
        kind: 'suspected',
        previous: suspect,
        detail: suspect.reason,
      });
    }
    return cause;
  };

  /** Brings the list up to date with what claims an id. `zxid`: of what changed (of a deletion, an upper bound). */
  const refresh = (id: string, how: Departure, zxid: bigint, step: Step): void => {
    const before = listed.get(id);
    const after = listing(id);
    conflicts.check(id, claims.contested(id));
    memory.touched(zxid);
    if (before === undefined && after === undefined) return;
    const overrideZxid = overrides.get(id)?.zxid ?? 0n;
    memory.changed(id, overrideZxid > zxid ? overrideZxid : zxid, after);
    if (before !== undefined && after !== undefined && isSame(before, after)) return;
    invalidate();
    if (step.into !== undefined) lastChange = new Date(step.occasion.atWallMs).toISOString();
    let cause: LeaveCause | undefined;
    if (after === undefined) {
      if (before !== undefined) cause = vanish(before, how, zxid, step);
    } else if (before === undefined) enter(after, step);
    else if (before.znode === after.znode && before.czxid === after.czxid) {
      listed.set(after);
      const facts = factsOf(id, after, zxid, step);
      step.into?.transitions.push({ ...facts, kind: 'changed', provider: after, previous: before });
    } else {
      leave(before, after.czxid > before.czxid ? { ...how, how: 'replaced' } : how, zxid, step);
      enter(after, step);
    }
    step.into?.listings.push({ service: name, id, before, after, cause });
  };

  const drop = (claim: ProviderClaim, how: Departure, zxid: bigint, step: Step): void =>
    refresh(claim.record.id, how, zxid, step);

  return {
    name,
    memory,
    listed,
    suspects,
    claim(claim, isNew, step) {
      if (rejects.size > 0) rejects.delete(claim.znode);
      const before = isNew ? claims.add(claim) : claims.put(claim);
      const { id } = claim.record;
      if (before !== undefined && before.record.id !== id)
        drop(before, { how: 'replaced', drained: false }, claim.mzxid, step);
      refresh(id, { how: 'replaced', drained: false }, claim.mzxid, step);
    },
    reject(rejected, step) {
      const { znode, mzxid, detail } = rejected;
      const before = claims.remove(znode);
      if (rejects.size < MAX_REJECTED || rejects.has(znode)) rejects.set(znode, rejected);
      const id = before?.record.id ?? rejected.namedId ?? znode.slice(znode.lastIndexOf('/') + 1);
      const wasListed = listed.get(id);
      const previous = wasListed?.znode === znode ? wasListed : undefined;
      step.into?.transitions.push({
        ...factsOf(id, rejected, mzxid, step),
        kind: 'rejected',
        detail,
        previous,
      });
      if (before !== undefined) drop(before, { how: 'rejected', drained: false }, mzxid, step);
    },
    unclaim(node, zxid, unread, step) {
      rejects.delete(node.path);
      const before = claims.remove(node.path);
      if (before === undefined) return;
      const drained = unread || saysItGoes(before.record);
      drop(before, { how: 'gone', drained }, zxid, step);
    },
    override(id, override, { znode, czxid, zxid }, step) {
      const previousOverride = overrides.get(id)?.value;
      if (override === undefined) overrides.delete(id);
      else overrides.set(id, { value: override, zxid });
      if (override === undefined && previousOverride === undefined) return;
      const facts = factsOf(id, { znode, sessionId: 0n, czxid }, zxid, step);
      step.into?.transitions.push({ ...facts, kind: 'override', override, previousOverride });
      // When the id is listed again, by an older change perhaps, nothing would tell that it had one.
      if (override === undefined && listed.get(id) === undefined) memory.raiseFloor(zxid);
      refresh(id, { how: 'replaced', drained: false }, zxid, step);
    },
    snapshot: () =>
      (snapshot ??= snapshotOf(name, memory.index.published, listed, suspects, lastChange)),
    reindexed: invalidate,
    takeChanged() {
      const changed = isChanged;
      isChanged = false;
      return changed;
    },
    claimsOf: id => claims.of(id),
    rejected: () => rejects.values(),
    overrideOf: id => overrides.get(id)?.value,
    isConflict: id => conflicts.has(id),
    close() {
      suspects.close();
      conflicts.close();
    },
  };
}

type Departure = Pick<Extract<ViewTransition, { readonly kind: 'left' }>, 'how' | 'drained'>;

function isSame(a: ListedProvider, b: ListedProvider): boolean {
  return (
    a.znode === b.znode && a.czxid === b.czxid && a.mzxid === b.mzxid && a.override === b.override
  );
}

/** Lists are made when first asked for: one that is asked for in a later turn may be newer than the index, never older. */
function snapshotOf(
  name: string,
  index: bigint,
  listed: ListedProviders,
  suspects: ServiceSuspects,
  lastChange: string | undefined,
): ServiceSnapshot {
  let providers: ServiceSnapshot['providers'] | undefined;
  let suspected: ServiceSnapshot['suspects'] | undefined;
  return {
    name,
    index,
    counts: { ...listed.counts(), suspects: suspects.size },
    lastChange,
    get providers() {
      return (providers ??= listed.sorted());
    },
    get suspects() {
      return (suspected ??= suspects.sorted());
    },
  };
}
