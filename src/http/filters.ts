import type { ListedProvider, ServiceSnapshot, SuspectProvider } from '../aggregator/ports.ts';
import type { ProviderRecord, ProviderStatus } from '../registry/index.ts';

/** What a provider must look like, whatever its state. Each list: any of its values; `tag`: all of them. */
export interface TraitFilter {
  readonly tag?: readonly string[] | undefined;
  readonly zone?: readonly string[] | undefined;
  readonly version?: readonly string[] | undefined;
  readonly group?: readonly string[] | undefined;
  readonly protocol?: readonly string[] | undefined;
}

export interface ListFilter extends TraitFilter {
  readonly status?: readonly ProviderStatus[] | undefined;
  readonly include?: readonly (ProviderStatus | 'unhealthy')[] | undefined;
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

export interface Page {
  readonly providers: readonly ListedProvider[];
  readonly suspects: readonly SuspectProvider[];
  /** To be given as `after` for the next page; undefined on the last one. */
  readonly next: string | undefined;
}

const ANY_OF = ['zone', 'version', 'group', 'protocol'] as const;

/** undefined when the filter asks for nothing: the caller then need not look at each provider. */
export function traitTest(filter: TraitFilter): ((record: ProviderRecord) => boolean) | undefined {
  const tests: ((record: ProviderRecord) => boolean)[] = [];
  for (const field of ANY_OF) {
    const wanted = filter[field];
    if (wanted !== undefined) tests.push(record => wanted.includes(record[field]));
  }
  const { tag } = filter;
  if (tag !== undefined) tests.push(record => tag.every(name => record.tags.includes(name)));
  return tests.length === 0 ? undefined : record => tests.every(test => test(record));
}

/** The providers and suspects that the filter lets through, one page of them. Without a filter: those that are up and not unhealthy. */
export function selectProviders(snapshot: ServiceSnapshot, filter: ListFilter): Page {
  const traits = traitTest(filter);
  const include = filter.include ?? [];
  const states = new Set<ProviderStatus | 'unhealthy'>([...(filter.status ?? ['up']), ...include]);
  // The record itself is only asked for where that is needed: it may still be to be decoded.
  const wanted = (provider: ListedProvider): boolean =>
    states.has(provider.status) &&
    (provider.healthy !== false || states.has('unhealthy')) &&
    (traits === undefined || traits(provider.record));
  const suspects =
    traits === undefined
      ? snapshot.suspects
      : snapshot.suspects.filter(({ record }) => traits(record));
  return { ...pageOf(snapshot.providers, wanted, filter), suspects };
}

function pageOf(
  sorted: readonly ListedProvider[],
  wanted: (provider: ListedProvider) => boolean,
  { limit, after }: ListFilter,
): Pick<Page, 'providers' | 'next'> {
  if (limit === undefined && after === undefined) {
    return { providers: sorted.filter(wanted), next: undefined };
  }
  const page: ListedProvider[] = [];
  for (const provider of sorted) {
    if ((after !== undefined && provider.id <= after) || !wanted(provider)) continue;
    if (page.length === limit) return { providers: page, next: page.at(-1)?.id };
    page.push(provider);
  }
  return { providers: page, next: undefined };
}

/** The same for names: those that begin with `prefix`, after `after`, at most `limit`. */
export function selectNamed<T extends { readonly name: string }>(
  sorted: readonly T[],
  {
    prefix,
    limit,
    after,
  }: { prefix?: string | undefined; limit?: number | undefined; after?: string | undefined },
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const matching =
    prefix === undefined && after === undefined
      ? sorted
      : sorted.filter(
          ({ name }) =>
            (prefix === undefined || name.startsWith(prefix)) &&
            (after === undefined || name > after),
        );
  if (limit === undefined || matching.length <= limit) return { items: matching, next: undefined };
  const items = matching.slice(0, limit);
  return { items, next: items.at(-1)?.name };
}

/** Equal filters have equal keys; the default one's is `''`. */
export function filterKey(filter: object): string {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  return given.length === 0 ? '' : JSON.stringify(given.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
