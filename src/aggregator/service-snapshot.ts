import type { ListedProviders } from './listed-providers.ts';
import type { ServiceSnapshot } from './ports.ts';
import type { ServiceSuspects } from './service-suspects.ts';

/** The service that a snapshot is of. */
export interface SnapshotSource {
  readonly name: string;
  readonly listed: ListedProviders;
  readonly suspects: ServiceSuspects;
}

/** @param index the published one. */
export function serviceSnapshot(
  of: SnapshotSource,
  index: bigint,
  lastChange: string | undefined,
): ServiceSnapshot {
  return new Snapshot(of, index, lastChange);
}

/** Lists are made when first asked for: one that is asked for in a later turn may be newer than the index, never older. */
class Snapshot implements ServiceSnapshot {
  readonly name: string;
  readonly index: bigint;
  readonly counts: ServiceSnapshot['counts'];
  readonly lastChange: string | undefined;
  private readonly of: SnapshotSource;
  private listed: ServiceSnapshot['providers'] | undefined;
  private suspected: ServiceSnapshot['suspects'] | undefined;

  constructor(of: SnapshotSource, index: bigint, lastChange: string | undefined) {
    this.name = of.name;
    this.index = index;
    this.counts = { ...of.listed.counts(), suspects: of.suspects.size };
    this.lastChange = lastChange;
    this.of = of;
  }

  get providers(): ServiceSnapshot['providers'] {
    return (this.listed ??= this.of.listed.sorted());
  }

  get suspects(): ServiceSnapshot['suspects'] {
    return (this.suspected ??= this.of.suspects.sorted());
  }
}
