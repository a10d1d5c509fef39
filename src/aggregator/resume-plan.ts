import type { ServiceEntry } from './service-entry.ts';
import type { ServiceTable } from './service-table.ts';
import type { ListedProvider } from './ports.ts';
import type { Tombstone } from './tombstones.ts';

/** What somebody who knows everything up to some zxid must be told of one service. */
export type ServiceResume =
  | { readonly kind: 'nothing' }
  /** What happened since is not known without a gap: all of it. */
  | { readonly kind: 'snapshot' }
  | {
      readonly kind: 'deltas';
      readonly changed: readonly ListedProvider[];
      readonly left: readonly (readonly [string, Tombstone])[];
    };

const NOTHING: ServiceResume = { kind: 'nothing' };
const SNAPSHOT: ServiceResume = { kind: 'snapshot' };

/**
 * Pure: decides what a subscriber that knows everything ≤ `from` must be told of a service. `watermark`, the replica's, is not
 * below `from`.
 */
export function resumeService(
  table: ServiceTable,
  entry: ServiceEntry,
  from: bigint,
  watermark: bigint,
): ServiceResume {
  const { memory, listed } = entry.state;
  if (!entry.present && mayHaveMissedServices(table, from, watermark)) return SNAPSHOT;
  if (mayHaveMissed(table, entry, from, watermark)) return SNAPSHOT;
  if (memory.newest <= from) return NOTHING;
  const changed: ListedProvider[] = [];
  for (const provider of listed.values()) {
    if (memory.changeZxid(provider) > from) changed.push(provider);
  }
  const left = [...memory.tombstones.entries()].filter(([, { zxid }]) => zxid > from);
  return changed.length + left.length === 0 ? NOTHING : { kind: 'deltas', changed, left };
}

/** Whether services may have come and gone after `from` that this replica cannot tell of. */
export function mayHaveMissedServices(
  table: ServiceTable,
  from: bigint,
  watermark: bigint,
): boolean {
  return isGap(from, watermark, table.floor, table.rootZxid);
}

function mayHaveMissed(
  table: ServiceTable,
  entry: ServiceEntry,
  from: bigint,
  watermark: bigint,
): boolean {
  const { floor, directoryZxid } = entry.state.memory;
  // Without a directory of its own, overrides may have come and gone with one that was never seen.
  const overridesZxid = entry.directories.has('overrides') ? 0n : table.overridesZxid;
  if (overridesZxid > from) return true;
  const rootZxid = entry.present ? 0n : table.rootZxid;
  return isGap(from, watermark, floor, directoryZxid > rootZxid ? directoryZxid : rootZxid);
}

/**
 * @param floor departures after it are remembered
 * @param directoryZxid the newest zxid at which anything came or went, true once the watermark has passed the floor
 */
function isGap(
  from: bigint,
  watermark: bigint,
  floor: bigint | undefined,
  directoryZxid: bigint,
): boolean {
  if (floor === undefined) return true;
  if (floor <= from) return false;
  return watermark < floor || directoryZxid > from;
}
