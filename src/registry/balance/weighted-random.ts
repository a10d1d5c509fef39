import { type Random, systemRandom } from '../../kernel/random.ts';
import { type Balancer, type Candidate, eligible, indexAt, perList } from './balancer.ts';

/** Each pick is independent; a provider's chance is its share of the total weight. */
export function weightedRandom<P extends Candidate>(random: Random = systemRandom): Balancer<P> {
  const prepare = perList<P, ReturnType<typeof eligible<P>>>(eligible);
  return {
    pick(providers) {
      const { list, cumulative, total } = prepare(providers);
      return list[indexAt(cumulative, random() * total)];
    },
  };
}
