import { RollcallError } from '../../kernel/errors.ts';
import { type Balancer, type Candidate, eligible, perList } from './balancer.ts';
import { hashText, type TextHash, unitOf } from './hash-text.ts';

interface Node<P> {
  readonly provider: P;
  readonly hash: TextHash;
}

/**
 * The same key goes to the same provider, in every process, whatever the order of the list. Weighted rendezvous hashing (Schindelhauer
 * and Schomaker 2005): the provider with the highest `-weight / ln(hash(key, id))` has the key. A provider gets its weight's share of the
 * keys; when one leaves, only its own keys move; when one joins or gains weight, keys move to it alone. No ring to be built, and a pick
 * costs time in proportion to the list.
 *
 * `pick` needs a key. @throws RollcallError INVALID_REQUEST without one.
 */
export function consistentHash<P extends Candidate>(): Balancer<P> {
  const prepare = perList<P, readonly Node<P>[]>(providers =>
    eligible(providers).list.map(provider => ({ provider, hash: hashText(provider.id) })),
  );
  return {
    pick(providers, key) {
      if (key === undefined) {
        throw new RollcallError('INVALID_REQUEST', 'a pick by consistent hash needs a key');
      }
      const ofKey = hashText(key);
      let best: P | undefined;
      let highest = Number.NEGATIVE_INFINITY;
      for (const { provider, hash } of prepare(providers)) {
        const score = -provider.weight / Math.log(unitOf(ofKey, hash));
        const wins =
          score > highest || (score === highest && best !== undefined && provider.id > best.id);
        if (!wins) continue;
        highest = score;
        best = provider;
      }
      return best;
    },
  };
}
