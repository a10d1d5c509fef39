import { membershipLedger, type MembershipLedger } from './membership-ledger.ts';
import type { ListedProvider } from './ports.ts';
import { publishedIndex, type PublishedIndex } from './published-index.ts';
import { type Tombstone, type Tombstones, tombstones } from './tombstones.ts';

/** What a service's resumption needs: its index, when which id changed, and how far back that is known without a gap. */
export interface ServiceMemory {
  readonly index: PublishedIndex;
  readonly tombstones: Tombstones;
  /** Of its providers directory, and of its overrides. */
  readonly ledgers: { readonly providers: MembershipLedger; readonly overrides: MembershipLedger };
  /** Who left after this zxid is known. undefined: not known of anybody yet. */
  readonly floor: bigint | undefined;
  /** The newest zxid of its directories themselves: no one came or went after it, as far as is known. */
  readonly directoryZxid: bigint;
  /** The newest zxid of anything at all that is known of it; upper bounds of deletions included. */
  readonly newest: bigint;
  directory(pzxid: bigint): void;
  /** Something happened at (at the latest at) `zxid`. */
  touched(zxid: bigint): void;
  /** Something about an id that is, or was until now, listed changed at (at the latest at) `zxid`. */
  changed(id: string, zxid: bigint, listed: ListedProvider | undefined): void;
  joined(id: string): void;
  left(id: string, tombstone: Tombstone): void;
  /** The newest zxid at which something about a listed id changed. */
  changeZxid(provider: ListedProvider): bigint;
  /** Who left up to `zxid` is not remembered. */
  raiseFloor(zxid: bigint): void;
  /** Nodes may have come and gone up to `zxid` that were never seen here. undefined: it may turn out otherwise. */
  missed(zxid: bigint | undefined): void;
  /** Whether anything may have been missed since this was last asked: who came from another replica may know of it. */
  takeMissed(): boolean;
  /** Forgets everything that was said about another history. */
  restart(full: bigint, directoryZxid: bigint): void;
}

export function serviceMemory(maxTombstones: number): ServiceMemory {
  return new Memory(maxTombstones);
}

/** A class: there is one for each service. */
class Memory implements ServiceMemory {
  readonly index = publishedIndex();
  readonly tombstones: Tombstones;
  readonly ledgers = { providers: membershipLedger(), overrides: membershipLedger() };
  floor: bigint | undefined;
  directoryZxid = 0n;
  /** Only of ids of which it is newer than the mzxid of their listed znode. */
  private readonly changes = new Map<string, bigint>();
  private newestTouch = 0n;
  private hasMissed = false;

  constructor(maxTombstones: number) {
    this.tombstones = tombstones(maxTombstones);
  }

  get newest(): bigint {
    return this.index.full > this.newestTouch ? this.index.full : this.newestTouch;
  }

  directory(pzxid: bigint): void {
    if (pzxid > this.directoryZxid) this.directoryZxid = pzxid;
    this.index.saw(pzxid);
  }

  touched(zxid: bigint): void {
    if (zxid > this.newestTouch) this.newestTouch = zxid;
  }

  changed(id: string, zxid: bigint, listed: ListedProvider | undefined): void {
    if (listed !== undefined && listed.mzxid >= zxid) return;
    const known = this.changes.get(id);
    if (known === undefined || zxid > known) this.changes.set(id, zxid);
  }

  joined(id: string): void {
    this.tombstones.delete(id);
  }

  left(id: string, tombstone: Tombstone): void {
    const change = this.changes.get(id);
    this.changes.delete(id);
    const zxid = change !== undefined && change > tombstone.zxid ? change : tombstone.zxid;
    const forgotten = this.tombstones.add(id, { ...tombstone, zxid });
    if (forgotten !== undefined) this.raiseFloor(forgotten);
  }

  changeZxid(provider: ListedProvider): bigint {
    const change = this.changes.get(provider.id);
    return change !== undefined && change > provider.mzxid ? change : provider.mzxid;
  }

  raiseFloor(zxid: bigint): void {
    if (this.floor === undefined || zxid > this.floor) this.floor = zxid;
  }

  missed(zxid: bigint | undefined): void {
    this.hasMissed = true;
    if (zxid !== undefined) this.raiseFloor(zxid);
  }

  takeMissed(): boolean {
    const missed = this.hasMissed;
    this.hasMissed = false;
    return missed;
  }

  restart(full: bigint, directoryZxid: bigint): void {
    this.index.restart(full);
    this.tombstones.clear();
    this.changes.clear();
    this.floor = undefined;
    this.directoryZxid = directoryZxid;
    this.newestTouch = 0n;
  }
}
