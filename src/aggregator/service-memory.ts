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
  const index = publishedIndex();
  const left = tombstones(maxTombstones);
  const ledgers = { providers: membershipLedger(), overrides: membershipLedger() };
  /** Only of ids of which it is newer than the mzxid of their listed znode. */
  const changes = new Map<string, bigint>();
  let floor: bigint | undefined;
  let directoryZxid = 0n;
  let newest = 0n;
  let hasMissed = false;

  const raiseFloor = (zxid: bigint): void => {
    if (floor === undefined || zxid > floor) floor = zxid;
  };
  return {
    index,
    tombstones: left,
    ledgers,
    get floor() {
      return floor;
    },
    get directoryZxid() {
      return directoryZxid;
    },
    get newest() {
      return index.full > newest ? index.full : newest;
    },
    directory(pzxid) {
      if (pzxid > directoryZxid) directoryZxid = pzxid;
      index.saw(pzxid);
    },
    touched(zxid) {
      if (zxid > newest) newest = zxid;
    },
    changed(id, zxid, listed) {
      if (listed !== undefined && listed.mzxid >= zxid) return;
      const known = changes.get(id);
      if (known === undefined || zxid > known) changes.set(id, zxid);
    },
    joined: id => left.delete(id),
    left(id, tombstone) {
      const change = changes.get(id);
      changes.delete(id);
      const zxid = change !== undefined && change > tombstone.zxid ? change : tombstone.zxid;
      const forgotten = left.add(id, { ...tombstone, zxid });
      if (forgotten !== undefined) raiseFloor(forgotten);
    },
    changeZxid(provider) {
      const change = changes.get(provider.id);
      return change !== undefined && change > provider.mzxid ? change : provider.mzxid;
    },
    raiseFloor,
    missed(zxid) {
      hasMissed = true;
      if (zxid !== undefined) raiseFloor(zxid);
    },
    takeMissed() {
      const missed = hasMissed;
      hasMissed = false;
      return missed;
    },
    restart(full, newDirectoryZxid) {
      index.restart(full);
      left.clear();
      changes.clear();
      floor = undefined;
      directoryZxid = newDirectoryZxid;
      newest = 0n;
    },
  };
}
