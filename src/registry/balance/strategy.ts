import { type Random, systemRandom } from '../../kernel/random.ts';
import type { ProviderRecord } from '../record.ts';
import type { Balancer } from './balancer.ts';
import { consistentHash } from './consistent-hash.ts';
import { leastLoaded } from './least-loaded.ts';
import { smoothRoundRobin } from './round-robin.ts';
import { weightedRandom } from './weighted-random.ts';

export const STRATEGIES = ['random', 'round-robin', 'least-loaded', 'hash'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** One balancer of each kind, for one service: round robin remembers whose turn it is. */
export function balancers(
  random: Random = systemRandom,
): Readonly<Record<Strategy, Balancer<ProviderRecord>>> {
  return {
    random: weightedRandom(random),
    'round-robin': smoothRoundRobin(),
    'least-loaded': leastLoaded({ random }),
    hash: consistentHash(),
  };
}
