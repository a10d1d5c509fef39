import type { Layout } from '../registry/index.ts';
import { membershipLedger, type MembershipLedger } from './membership-ledger.ts';
import type { ServiceSnapshot } from './ports.ts';
import { smaller } from './published-index.ts';
import { isForgettable, type ServiceEntry, serviceEntry } from './service-entry.ts';
import type { ServiceState } from './service-state.ts';

/** All services that are known, those that went not long ago included, and the directory that holds them. */
export interface ServiceTable {
  readonly ledger: MembershipLedger;
  /** Of the directory of all overrides. */
  readonly overridesLedger: MembershipLedger;
  /** The pzxid of the directory of services: the index of every service that is not there. */
  readonly rootZxid: bigint;
  /** The pzxid of the directory of all overrides. */
  overridesZxid: bigint;
  /** Services that went after this zxid are remembered. undefined: nothing is known of any yet. */
  readonly floor: bigint | undefined;
  get(name: string): ServiceEntry | undefined;
  /** Known or made. */
  entry(name: string): ServiceEntry;
  entries(): Iterable<ServiceEntry>;
  /** Of a service that has no entry. The same object until its index moves. */
  absent(name: string, mark: bigint | undefined): ServiceSnapshot;
  /** The directory of services has this pzxid. Returns whether it moved. */
  rootMoved(pzxid: bigint): boolean;
  appeared(entry: ServiceEntry): void;
  /** The service's directory went. Too many that went: the oldest are forgotten. */
  went(entry: ServiceEntry): void;
  raiseFloor(zxid: bigint): void;
  /** Whole services, or their overrides, may have come and gone up to `zxid` that were never seen here. */
  missed(zxid: bigint | undefined): void;
  takeMissed(): boolean;
  restart(rootZxid: bigint): void;
}

export interface ServiceTableParts {
  readonly where: Layout;
  readonly makeState: (name: string) => ServiceState;
  /** How many services that went are remembered. */
  readonly maxGone: number;
}

const MAX_ABSENT = 1_000;
const NO_COUNTS = { total: 0, up: 0, starting: 0, draining: 0, down: 0, unhealthy: 0, suspects: 0 };

export function serviceTable(parts: ServiceTableParts): ServiceTable {
  const entries = new Map<string, ServiceEntry>();
  /** Services without a directory, in the order in which it went. */
  const gone = new Set<ServiceEntry>();
  const absent = new Map<string, ServiceSnapshot>();
  const ledger = membershipLedger();
  const overridesLedger = membershipLedger();
  let rootZxid = 0n;
  let overridesZxid = 0n;
  let floor: bigint | undefined;
  let hasMissed = false;

  const raiseFloor = (zxid: bigint): void => {
    if (floor === undefined || zxid > floor) floor = zxid;
  };

  const forgetSome = (): void => {
    for (const entry of gone) {
      if (gone.size <= parts.maxGone) return;
      // It is looked at again with the next one that goes.
      if (!isForgettable(entry)) continue;
      gone.delete(entry);
      entries.delete(entry.name);
      entry.state.close();
      const { newest, floor: ownFloor = 0n } = entry.state.memory;
      raiseFloor(newest > ownFloor ? newest : ownFloor);
    }
  };

  return {
    ledger,
    overridesLedger,
    get rootZxid() {
      return rootZxid;
    },
    get overridesZxid() {
      return overridesZxid;
    },
    set overridesZxid(zxid) {
      overridesZxid = zxid;
    },
    get floor() {
      return floor;
    },
    get: name => entries.get(name),
    entry(name) {
      const known = entries.get(name);
      if (known !== undefined) return known;
      const made = serviceEntry(parts.where, parts.makeState(name));
      entries.set(name, made);
      return made;
    },
    entries: () => entries.values(),
    absent(name, mark) {
      const index = smaller(rootZxid, mark);
      const known = absent.get(name);
      if (known?.index === index) return known;
      const snapshot = {
        name,
        index,
        counts: NO_COUNTS,
        providers: [],
        suspects: [],
        lastChange: undefined,
      };
      if (absent.size >= MAX_ABSENT) absent.clear();
      absent.set(name, snapshot);
      return snapshot;
    },
    rootMoved(pzxid) {
      if (pzxid <= rootZxid) return false;
      rootZxid = pzxid;
      return true;
    },
    appeared(entry) {
      entry.present = true;
      gone.delete(entry);
    },
    went(entry) {
      entry.present = false;
      gone.add(entry);
      forgetSome();
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
    restart(newRootZxid) {
      rootZxid = newRootZxid;
      floor = undefined;
      absent.clear();
    },
  };
}
