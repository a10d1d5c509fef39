import type { ProviderStatus } from '../record.ts';

/** What a balancer needs to know of a provider; a provider record is one. */
export interface Candidate {
  readonly id: string;
  readonly weight: number;
  readonly status: ProviderStatus;
}

/**
 * Picks one of `providers`: only one whose status is `up` and whose weight is above 0; undefined when there is none. The list must
 * not be changed afterwards: what was computed of it is kept for as long as the same array comes again.
 */
export interface Balancer<P extends Candidate> {
  pick(providers: readonly P[], key?: string): P | undefined;
}

/** The candidates of a list that may be picked at all, with their weights summed up. */
export interface Eligible<P> {
  readonly list: readonly P[];
  /** `cumulative[i]` is the sum of the weights of `list[0..i]`. */
  readonly cumulative: readonly number[];
  readonly total: number;
}

export function eligible<P extends Candidate>(providers: readonly P[]): Eligible<P> {
  const list = providers.filter(provider => provider.status === 'up' && provider.weight > 0);
  let total = 0;
  const cumulative = list.map(({ weight }) => (total += weight));
  return { list, cumulative, total };
}

/** Remembers what `compute` made of a list for as long as the list lives. */
export function perList<P, T>(
  compute: (providers: readonly P[]) => T,
): (providers: readonly P[]) => T {
  const known = new WeakMap<readonly P[], { readonly value: T }>();
  return providers => {
    const found = known.get(providers);
    if (found !== undefined) return found.value;
    const value = compute(providers);
    known.set(providers, { value });
    return value;
  };
}

/** The index of the candidate into whose share of the total weight `at` (0 ≤ at < total) falls. */
export function indexAt(cumulative: readonly number[], at: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cumulative[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
