import type { Clock } from '../kernel/clock.ts';
import { applyOverride, type Override, type ProtectionSettings } from '../registry/index.ts';
import type { MirrorNode } from '../zookeeper/index.ts';
import { type ListedProviders, listedProviders, plain } from './listed-providers.ts';
import type { LeaveCause, ListedProvider, ServicesSnapshot, ServiceSnapshot } from './ports.ts';
import {
  type IdClaims,
  type ProviderClaim,
  type ProviderClaims,
  providerClaims,
  type RejectedClaim,
} from './provider-claims.ts';
import { type ServiceConflicts, serviceConflicts } from './service-conflicts.ts';
import { type ServiceMemory, serviceMemory } from './service-memory.ts';
import { serviceSnapshot } from './service-snapshot.ts';
import { type ServiceSuspects, serviceSuspects } from './service-suspects.ts';
import type { TransitionFacts, ViewTransition } from './transitions.ts';
import type { Gathering, Occasion } from './view-notice.ts';

type ServiceLine = ServicesSnapshot['services'][number];

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

/** The znode of an override, and of when it speaks. */
export interface OverridePlace {
  readonly znode: string;
  readonly czxid: bigint;
  readonly zxid: bigint;
}

/** One service: who claims to provide it, what is listed, and what is remembered of those who left. */
export interface ServiceState {
  readonly name: string;
  readonly memory: ServiceMemory;
  readonly listed: ListedProviders;
  readonly suspects: ServiceSuspects;
  /** @param isNew its znode has claimed nothing before. */
  claim(claim: ProviderClaim, isNew: boolean, step: Step): void;
  /** The same of many whose znodes have claimed nothing before; `mzxid` is the newest of theirs. */
  claimAll(claims: readonly ProviderClaim[], mzxid: bigint, step: Step): void;
  /** The znode is there, and holds no record. */
  reject(rejected: RejectedClaim, step: Step): void;
  /** @param unread it had said something more that could not be read before it went: a crash says nothing, so it said that it goes. */
  unclaim(node: MirrorNode, zxid: bigint, unread: boolean, step: Step): void;
  override(id: string, override: Override | undefined, at: OverridePlace, step: Step): void;
  /** There is an override, but it cannot be read: there is none, then. `why`: for people, at most 300 characters. */
  unreadableOverride(id: string, why: string, at: OverridePlace, step: Step): void;
  snapshot(): ServiceSnapshot;
  /** The service in the list of all services: the same object for as long as the snapshot is. */
  line(): ServiceLine;
  /** The published index moved: the snapshot is another one. */
  reindexed(): void;
  /** Whether the snapshot is another one than when this was last asked. */
  takeChanged(): boolean;
  claimsOf(id: string): IdClaims | undefined;
  /** Znodes that hold a record, but do not speak for its id; in no order. */
  superseded(): Iterable<ProviderClaim>;
  rejected(): Iterable<RejectedClaim>;
  overrideOf(id: string): Override | undefined;
  /** Why the override that is there cannot be read. */
  unreadableOverrideOf(id: string): string | undefined;
  isConflict(id: string): boolean;
  close(): void;
}

/** How many rejected znodes, and overrides, of one service are kept for `explain`; more are only counted. */
const MAX_REJECTED = 1_000;

const saysItGoes = ({ status }: Pick<ListedProvider, 'status'>): boolean =>
  status === 'draining' || status === 'down';

export function serviceState(parts: ServiceStateParts): ServiceState {
  return new Service(parts);
}

interface HeldOverride {
  readonly value: Override;
  readonly zxid: bigint;
}

/** A class: there may be thousands, and each provider that comes passes through one. */
class Service implements ServiceState {
  readonly name: string;
  readonly memory: ServiceMemory;
  readonly listed = listedProviders();
  readonly suspects: ServiceSuspects;
  private readonly parts: ServiceStateParts;
  private readonly claims: ProviderClaims = providerClaims();
  private readonly conflicts: ServiceConflicts;
  private readonly overrides = new Map<string, HeldOverride>();
  /** Why, by id; made for the first override that cannot be read. */
  private unreadable: Map<string, string> | undefined;
  private readonly rejects = new Map<string, RejectedClaim>();
  private latest: ServiceSnapshot | undefined;
  private latestLine: ServiceLine | undefined;
  private isChanged = true;
  private lastChange: string | undefined;

  constructor(parts: ServiceStateParts) {
    const { clock, protection, conflictAfterMs, onTimer } = parts;
    this.parts = parts;
    this.name = parts.name;
    this.memory = serviceMemory(parts.maxTombstones);
    this.suspects = serviceSuspects({
      clock,
      settings: protection,
      onReleased: released =>
        onTimer((occasion, into) => {
          for (const provider of released)
            this.tellReleased(provider, 'its hold has lapsed', { occasion, into });
        }),
    });
    this.conflicts = serviceConflicts({
      clock,
      afterMs: conflictAfterMs,
      onConflict: id => onTimer((occasion, into) => this.tellConflict(id, { occasion, into })),
    });
  }

  claim(claim: ProviderClaim, isNew: boolean, step: Step): void {
    if (this.rejects.size > 0) this.rejects.delete(claim.znode);
    const before = isNew ? this.claims.add(claim) : this.claims.put(claim);
    const { id } = claim;
    if (before !== undefined && before.id !== id)
      this.refresh(before.id, { how: 'renamed', drained: false }, claim.mzxid, step);
    this.refresh(id, REPLACED, claim.mzxid, step);
  }

  claimAll(claims: readonly ProviderClaim[], mzxid: bigint, step: Step): void {
    const { listed, overrides, rejects, suspects, memory } = this;
    const known = overrides.size + rejects.size + suspects.size + memory.tombstones.size;
    const isPlain = step.into === undefined && known === 0; // whoever comes is listed as it says
    const others = isPlain ? listed.addNew(claims) : claims;
    const isSole = (claim: ProviderClaim): boolean => listed.get(claim.id) === claim;
    this.claims.addSole(others.length === 0 ? claims : claims.filter(isSole));
    for (const claim of others) this.claim(claim, true, step);
    memory.touched(mzxid);
    this.invalidate();
  }

  reject(rejected: RejectedClaim, step: Step): void {
    const { znode, mzxid, detail } = rejected;
    const { rejects } = this;
    const before = this.claims.remove(znode);
    if (rejects.size < MAX_REJECTED || rejects.has(znode)) rejects.set(znode, rejected);
    const id = before?.id ?? rejected.namedId ?? znode.slice(znode.lastIndexOf('/') + 1);
    const wasListed = this.listed.get(id);
    const previous = wasListed?.znode === znode ? wasListed : undefined;
    step.into?.transitions.push({
      ...this.factsOf(id, rejected, mzxid, step),
      kind: 'rejected',
      detail,
      previous,
    });
    if (before !== undefined)
      this.refresh(before.id, { how: 'rejected', drained: false }, mzxid, step);
  }

  unclaim(node: MirrorNode, zxid: bigint, unread: boolean, step: Step): void {
    this.rejects.delete(node.path);
    const before = this.claims.remove(node.path);
    if (before === undefined) return;
    const drained = unread || saysItGoes(before);
    this.refresh(before.id, { how: 'gone', drained }, zxid, step);
  }

  override(id: string, override: Override | undefined, at: OverridePlace, step: Step): void {
    const wasUnreadable = this.unreadable?.delete(id) === true;
    this.overrule(id, override, undefined, wasUnreadable, at, step);
  }

  unreadableOverride(id: string, why: string, at: OverridePlace, step: Step): void {
    const unreadable = (this.unreadable ??= new Map());
    if (unreadable.size < MAX_REJECTED || unreadable.has(id)) unreadable.set(id, why);
    this.overrule(id, undefined, why, true, at, step);
  }

  private overrule(
    id: string,
    override: Override | undefined,
    unreadable: string | undefined,
    isTold: boolean,
    { znode, czxid, zxid }: OverridePlace,
    step: Step,
  ): void {
    const previousOverride = this.overrides.get(id)?.value;
    if (override === undefined) this.overrides.delete(id);
    else this.overrides.set(id, { value: override, zxid });
    const isNone = override === undefined && previousOverride === undefined;
    if (isNone && !isTold) return;
    const facts = this.factsOf(id, { znode, sessionId: 0n, czxid }, zxid, step);
    const words = { override, unreadable, previousOverride };
    step.into?.transitions.push({ ...facts, kind: 'override', ...words });
    if (isNone) return;
    // When the id is listed again, by an older change perhaps, nothing would tell that it had one.
    if (override === undefined && this.listed.get(id) === undefined) this.memory.raiseFloor(zxid);
    this.refresh(id, REPLACED, zxid, step);
  }

  snapshot(): ServiceSnapshot {
    this.latest ??= serviceSnapshot(this, this.memory.index.published, this.lastChange);
    return this.latest;
  }

  line(): ServiceLine {
    if (this.latestLine === undefined) {
      const { name, index, counts } = this.snapshot();
      this.latestLine = { name, index, counts };
    }
    return this.latestLine;
  }

  reindexed(): void {
    this.invalidate();
  }

  takeChanged(): boolean {
    const changed = this.isChanged;
    this.isChanged = false;
    return changed;
  }

  claimsOf(id: string): IdClaims | undefined {
    return this.claims.of(id);
  }

  superseded(): Iterable<ProviderClaim> {
    return this.claims.superseded();
  }

  rejected(): Iterable<RejectedClaim> {
    return this.rejects.values();
  }

  overrideOf(id: string): Override | undefined {
    return this.overrides.get(id)?.value;
  }

  unreadableOverrideOf(id: string): string | undefined {
    return this.unreadable?.get(id);
  }

  isConflict(id: string): boolean {
    return this.conflicts.has(id);
  }

  close(): void {
    this.suspects.close();
    this.conflicts.close();
  }

  /** Brings the list up to date with what claims an id. `zxid`: of what changed (of a deletion, an upper bound). */
  private refresh(id: string, how: Departure, zxid: bigint, step: Step): void {
    const { memory } = this;
    const before = this.listed.get(id);
    const override = this.overrides.size > 0 ? this.overrides.get(id) : undefined;
    const after = this.listing(id, override);
    this.conflicts.check(id, this.claims.overlap(id));
    memory.touched(zxid);
    if (before === undefined && after === undefined) return;
    memory.changed(
      id,
      override !== undefined && override.zxid > zxid ? override.zxid : zxid,
      after,
    );
    if (before !== undefined && after !== undefined && isSame(before, after)) return;
    this.invalidate();
    if (step.into !== undefined) this.lastChange = new Date(step.occasion.atWallMs).toISOString();
    let cause: LeaveCause | undefined;
    if (after === undefined) {
      if (before !== undefined) cause = this.vanish(before, how, zxid, step);
    } else if (before === undefined) this.enter(after, step);
    else if (before.znode === after.znode && before.czxid === after.czxid) {
      this.listed.set(after);
      const facts = this.factsOf(id, after, zxid, step);
      step.into?.transitions.push({ ...facts, kind: 'changed', provider: after, previous: before });
    } else {
      const replaced = after.czxid > before.czxid ? { ...how, how: 'replaced' as const } : how;
      this.leave(before, replaced, zxid, step);
      this.enter(after, step);
    }
    step.into?.listings.push({ service: this.name, id, before, after, cause });
  }

  private listing(id: string, override: HeldOverride | undefined): ListedProvider | undefined {
    const claim = this.claims.winner(id);
    if (claim === undefined || override === undefined) return claim;
    const { value } = override;
    const record = applyOverride(claim.record, value);
    return { ...plain(claim), record, status: record.status, override: value };
  }

  private enter(after: ListedProvider, step: Step): void {
    this.listed.set(after);
    this.memory.joined(after.id);
    const back = this.suspects.returned(after.id);
    if (back !== undefined) this.tellReleased(back, 'it is listed again', step);
    step.into?.transitions.push({
      ...this.factsOf(after.id, after, after.mzxid, step),
      kind: 'joined',
      provider: after,
    });
  }

  private leave(before: ListedProvider, how: Departure, zxid: bigint, step: Step): LeaveCause {
    const left = {
      ...this.factsOf(before.id, before, zxid, step),
      kind: 'left',
      previous: before,
      ...how,
    } as const;
    const cause = this.parts.judge(left);
    step.into?.transitions.push(left);
    return cause;
  }

  private vanish(before: ListedProvider, how: Departure, zxid: bigint, step: Step): LeaveCause {
    const providersBefore = this.listed.size;
    this.listed.delete(before.id);
    const cause = this.leave(before, how, zxid, step);
    this.memory.left(before.id, { zxid, cause, provider: before });
    if (how.how !== 'gone') return cause;
    const goes = how.drained || saysItGoes(before);
    for (const suspect of this.suspects.vanished(before, goes, providersBefore)) {
      this.tellSuspects(step);
      const facts = this.factsOf(suspect.id, suspect, zxid, step);
      step.into?.transitions.push({
        ...facts,
        kind: 'suspected',
        previous: suspect,
        detail: suspect.reason,
      });
    }
    return cause;
  }

  private tellSuspects({ into }: Step): void {
    this.invalidate();
    into?.suspects.add(this.name);
  }

  private tellReleased(previous: ListedProvider, detail: string, step: Step): void {
    this.tellSuspects(step);
    const facts = this.factsOf(previous.id, previous, this.memory.index.full, step);
    step.into?.transitions.push({ ...facts, kind: 'released', previous, detail });
  }

  private tellConflict(id: string, step: Step): void {
    const provider = this.listed.get(id);
    const overlap = this.claims.overlap(id);
    if (provider === undefined || overlap === undefined) return;
    // A third one, younger than both, may be listed: then the two that stay are both others.
    const { older, younger } = overlap;
    const rival = younger.znode === provider.znode ? older : younger;
    const facts = this.factsOf(id, provider, this.memory.index.full, step);
    step.into?.transitions.push({ ...facts, kind: 'conflict', provider, other: rival.znode });
  }

  private invalidate(): void {
    this.latest = undefined;
    this.latestLine = undefined;
    this.isChanged = true;
  }

  private factsOf(
    id: string,
    of: Pick<ProviderClaim, 'znode' | 'sessionId' | 'czxid'>,
    zxid: bigint,
    { occasion }: Step,
  ): TransitionFacts {
    const { reason, atWallMs } = occasion;
    const { znode, sessionId, czxid } = of;
    return { service: this.name, id, znode, sessionId, czxid, zxid, reason, atWallMs };
  }
}

type Departure = Pick<Extract<ViewTransition, { readonly kind: 'left' }>, 'how' | 'drained'>;
const REPLACED: Departure = { how: 'replaced', drained: false };

function isSame(a: ListedProvider, b: ListedProvider): boolean {
  return (
    a.znode === b.znode && a.czxid === b.czxid && a.mzxid === b.mzxid && a.override === b.override
  );
}
