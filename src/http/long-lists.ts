import type { ListedProvider, ServiceSnapshot } from '../aggregator/ports.ts';
import type { Clock } from '../kernel/clock.ts';
import { lane } from '../kernel/lane.ts';
import { turn } from '../kernel/turn.ts';
import { providerJson } from './wire.ts';

/**
 * Of ten thousand providers that nobody has asked for yet it takes some 80 ms to make an answer, for which nobody else should have to
 * wait. What each of them takes is made in parts, and kept: who asks next finds it.
 */
export interface LongLists {
  /** Encodes each provider. undefined: they are encoded, or so few that it can be done when they are asked for. */
  encoded(snapshot: ServiceSnapshot): Promise<void> | undefined;
  /** Decodes each one's record. */
  decoded(snapshot: ServiceSnapshot): Promise<void> | undefined;
  /** Both, one after the other. */
  whole(snapshot: ServiceSnapshot): Promise<void> | undefined;
}

const LONG = 500;
/** For all who wait together, in one turn of the event loop. */
const PART_MS = 5;
/** The clock is looked at after so many providers. */
const PROVIDERS_A_LOOK = 64;

export function longLists(clock: Clock): LongLists {
  const oneAtATime = lane();
  let underWay = 0;

  const inParts = (make: (provider: ListedProvider) => unknown) => {
    const made = new WeakSet<ServiceSnapshot>();
    const making = new WeakMap<ServiceSnapshot, Promise<void>>();
    return (snapshot: ServiceSnapshot): Promise<void> | undefined => {
      if (snapshot.counts.total < LONG || made.has(snapshot)) return undefined;
      const known = making.get(snapshot);
      if (known !== undefined) return known;
      const providers = snapshot.providers.values();
      /** Tells whether there is more. */
      const makeSome = (): boolean => {
        const untilMs = clock.nowMs() + PART_MS;
        let count = 0;
        for (let next = providers.next(); next.done !== true; next = providers.next()) {
          make(next.value);
          count += 1;
          if (count % PROVIDERS_A_LOOK === 0 && clock.nowMs() >= untilMs) return true;
        }
        made.add(snapshot);
        return false;
      };
      if (underWay === 0 && !makeSome()) return undefined;
      underWay += 1;
      const all = oneAtATime(async () => {
        do await turn();
        while (makeSome());
      }).finally(() => {
        underWay -= 1;
        making.delete(snapshot);
      });
      making.set(snapshot, all);
      return all;
    };
  };

  const encoded = inParts(providerJson);
  const decoded = inParts(({ record }) => record);
  return {
    encoded,
    decoded,
    whole(snapshot) {
      const first = decoded(snapshot);
      return first === undefined ? encoded(snapshot) : first.then(() => encoded(snapshot));
    },
  };
}
