import { type Random, systemRandom } from '../../kernel/random.ts';
import {
  type Balancer,
  type Candidate,
  type Eligible,
  eligible,
  indexAt,
  perList,
} from './balancer.ts';

/** How busy a provider is, in any unit that is the same for all; undefined when that is not known. */
export type LoadOf<P> = (provider: P) => number | undefined;

export interface LeastLoadedOptions<P> {
  /** Default: the number that the provider reports in `metadata.load`. */
  readonly load?: LoadOf<P>;
  readonly random?: Random;
}

/** The number in `metadata.load`; undefined when there is none, or it is no number of at least 0. */
export function reportedLoad(provider: {
  readonly metadata?: Readonly<Record<string, string>>;
}): number | undefined {
  const text = provider.metadata?.['load'];
  if (text === undefined || text.trim() === '') return undefined;
  const load = Number(text);
  return Number.isFinite(load) && load >= 0 ? load : undefined;
}

/**
 * The power of two choices (Mitzenmacher 2001): draws two different providers by weight and takes the one with the lower load. Where a
 * load is not known, or both are equal, the first one drawn is taken: a provider that reports nothing gets no more than its share.
 */
export function leastLoaded<P extends Candidate>(options: LeastLoadedOptions<P> = {}): Balancer<P> {
  const { load = reportedLoad, random = systemRandom } = options;
  const prepare = perList<P, Eligible<P>>(eligible);
  return {
    pick(providers) {
      const [first, second] = drawTwo(prepare(providers), random);
      if (first === undefined || second === undefined) return first;
      const ofFirst = load(first);
      const ofSecond = load(second);
      if (ofFirst === undefined || ofSecond === undefined) return first;
      return ofSecond < ofFirst ? second : first;
    },
  };
}

/** The second is drawn from what the first one leaves of the total weight. */
function drawTwo<P extends Candidate>(
  { list, cumulative, total }: Eligible<P>,
  random: Random,
): readonly [] | readonly [P] | readonly [P, P | undefined] {
  const index = indexAt(cumulative, random() * total);
  const first = list[index];
  if (first === undefined) return [];
  if (list.length === 1) return [first];
  const before = (cumulative[index] ?? 0) - first.weight;
  const at = random() * (total - first.weight);
  const second = list[indexAt(cumulative, at < before ? at : at + first.weight)];
  return [first, second];
}
