import { type Balancer, type Candidate, eligible, perList } from './balancer.ts';

/**
 * Smooth weighted round robin, nginx's algorithm (`ngx_http_upstream_get_peer` in `ngx_http_upstream_round_robin.c`, since nginx
 * 1.3.1): at each pick everyone gains its weight, the richest is picked and pays the total. Weights 5, 1, 1 give a a b a c a a, not
 * a a a a a b c. Over any run of picks as long as the total weight, each provider comes exactly as often as it weighs.
 *
 * A provider keeps what it gained for as long as it is in the list; a newcomer begins at 0. A pick costs time in proportion to the list.
 */
export function smoothRoundRobin<P extends Candidate>(): Balancer<P> {
  const prepare = perList<P, ReturnType<typeof eligible<P>>>(eligible);
  let gained = new Map<string, number>();
  let of: readonly P[] | undefined;

  /** Those who left are forgotten: one that comes back is a newcomer. */
  const adopt = (list: readonly P[]): void => {
    gained = new Map(list.map(({ id }) => [id, gained.get(id) ?? 0]));
    of = list;
  };

  return {
    pick(providers) {
      const { list, total } = prepare(providers);
      if (of !== list) adopt(list);
      let best: P | undefined;
      let most = Number.NEGATIVE_INFINITY;
      for (const provider of list) {
        const now = (gained.get(provider.id) ?? 0) + provider.weight;
        gained.set(provider.id, now);
        if (now > most) {
          most = now;
          best = provider;
        }
      }
      if (best !== undefined) gained.set(best.id, most - total);
      return best;
    },
  };
}
