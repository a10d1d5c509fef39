import type {
  DerivedOverview,
  DerivedService,
  ListedProvider,
  ServiceCounts,
  ServiceSnapshot,
} from '../ports.ts';

/** How many zones, and how many versions, a summary names; the rest is summed under REST_LABEL. */
export const MAX_LABELS = 64;
export const REST_LABEL = '*';

export interface Usability {
  /** Providers that are up and that no active check has condemned. */
  readonly usable: number;
  readonly total: number;
  readonly suspects: number;
}

/** `down` when nothing can be used, `degraded` when something listed cannot or is missed, `healthy` otherwise. */
export function deriveHealth({ usable, total, suspects }: Usability): DerivedService['health'] {
  if (usable === 0) return 'down';
  return usable < total || suspects > 0 ? 'degraded' : 'healthy';
}

/** Counts by label, the most frequent first; beyond MAX_LABELS the rest is summed. The empty label means: none was given. */
export function tally(labels: Iterable<string>): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  if (ranked.length <= MAX_LABELS) return Object.fromEntries(ranked);
  const rest = ranked.slice(MAX_LABELS).reduce((sum, [, count]) => sum + count, 0);
  const named = ranked.slice(0, MAX_LABELS).filter(([label]) => label !== REST_LABEL);
  const own = ranked.slice(0, MAX_LABELS).find(([label]) => label === REST_LABEL)?.[1] ?? 0;
  return Object.fromEntries([...named, [REST_LABEL, rest + own]]);
}

const isUsable = (provider: ListedProvider): boolean =>
  provider.record.status === 'up' && provider.healthy !== false;

/**
 * @param before what the last master wrote of this service: its last change is kept while this replica has seen none itself.
 */
export function deriveService(
  snapshot: Pick<ServiceSnapshot, 'name' | 'counts' | 'providers' | 'suspects' | 'lastChange'>,
  flaps: number,
  before: DerivedService | undefined,
): DerivedService {
  const { name, providers, counts } = snapshot;
  return {
    name,
    health: deriveHealth({
      usable: providers.filter(isUsable).length,
      total: providers.length,
      suspects: snapshot.suspects.length,
    }),
    counts,
    zones: tally(providers.map(provider => provider.record.zone)),
    versions: tally(providers.map(provider => provider.record.version)),
    flaps,
    lastChange: snapshot.lastChange ?? before?.lastChange,
  };
}

export const NO_COUNTS: ServiceCounts = {
  total: 0,
  up: 0,
  starting: 0,
  draining: 0,
  down: 0,
  unhealthy: 0,
  suspects: 0,
};

export function addCounts(a: ServiceCounts, b: ServiceCounts): ServiceCounts {
  return {
    total: a.total + b.total,
    up: a.up + b.up,
    starting: a.starting + b.starting,
    draining: a.draining + b.draining,
    down: a.down + b.down,
    unhealthy: a.unhealthy + b.unhealthy,
    suspects: a.suspects + b.suspects,
  };
}

/** The totals over all services; who wrote them, and when, is added at the moment of writing. */
export function deriveOverview(
  services: Iterable<DerivedService>,
): Pick<DerivedOverview, 'services' | 'providers' | 'counts'> {
  let counts = NO_COUNTS;
  let total = 0;
  for (const service of services) {
    counts = addCounts(counts, service.counts);
    total += 1;
  }
  return { services: total, providers: counts.total, counts };
}
