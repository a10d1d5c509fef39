import { RollcallError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import type { Balancer } from './balance/balancer.ts';
import { balancers, type Strategy } from './balance/strategy.ts';
import type { ProviderRecord } from './record.ts';

export interface PickOptions {
  /** May be left out when only one service is subscribed to. */
  readonly service?: string;
  /** Default `random`. */
  readonly strategy?: Strategy;
  /** What is hashed, for the strategy `hash`, which needs it. */
  readonly key?: string;
  /** One of the caller's own, in place of a strategy. */
  readonly balancer?: Balancer<ProviderRecord>;
}

export interface Picked {
  readonly provider: ProviderRecord;
  /** True: no listed provider could be picked; this one vanished not long ago together with many others, and may still be there. */
  readonly suspect: boolean;
}

export interface Choice {
  readonly service: string;
  readonly providers: readonly ProviderRecord[];
  readonly suspects: readonly ProviderRecord[];
}

/** Picks for one service; remembers whose turn it is. @throws RollcallError NO_PROVIDER when there is nobody. */
export function picker(random: Random): (choice: Choice, wish: PickOptions) => Picked {
  const known = balancers(random);
  return ({ service, providers, suspects }, { strategy = 'random', key, balancer }) => {
    const { pick } = balancer ?? known[strategy];
    const provider = pick(providers, key);
    if (provider !== undefined) return { provider, suspect: false };
    const suspect = pick(suspects, key);
    if (suspect !== undefined) return { provider: suspect, suspect: true };
    throw new RollcallError('NO_PROVIDER', `no provider of ${service} is up`, {
      details: { service, listed: providers.length },
    });
  };
}
