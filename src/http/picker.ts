import type { ListedProvider, ServiceSnapshot, SuspectProvider } from '../aggregator/ports.ts';
import type { Random } from '../kernel/random.ts';
import {
  type Balancer,
  type Candidate,
  consistentHash,
  smoothRoundRobin,
  weightedRandom,
} from '../registry/index.ts';
import { filterKey, type TraitFilter, traitTest } from './filters.ts';

export const PICK_STRATEGIES = ['random', 'round-robin', 'hash'] as const;
export type PickStrategy = (typeof PICK_STRATEGIES)[number];

export type Picked =
  | { readonly kind: 'provider'; readonly provider: ListedProvider }
  /** No provider was left: one of those that vanished with most of the service. */
  | { readonly kind: 'suspect'; readonly provider: SuspectProvider };

export interface PickRequest {
  readonly filter: TraitFilter;
  readonly strategy: PickStrategy;
  /** For `hash`: the same key goes to the same provider. */
  readonly key?: string | undefined;
}

export interface Picker {
  /** undefined: there is nobody, not even a suspect. */
  pick(snapshot: ServiceSnapshot, request: PickRequest): Picked | undefined;
}

interface Choice extends Candidate {
  readonly picked: Picked;
}

interface Choices {
  readonly providers: readonly Choice[];
  readonly suspects: readonly Choice[];
}

/** Whose turn it is, for so many pairs of service and filter; the one that was asked for longest ago is forgotten first. */
const ROUNDS_KEPT = 1_024;
const FILTERS_PER_SNAPSHOT = 16;

export function createPicker(random: Random): Picker {
  const byChance = weightedRandom<Choice>(random);
  const byKey = consistentHash<Choice>();
  const rounds = new Map<string, Balancer<Choice>>();
  const prepared = new WeakMap<ServiceSnapshot, Map<string, Choices>>();

  const roundOf = (name: string): Balancer<Choice> => {
    const round = rounds.get(name) ?? smoothRoundRobin<Choice>();
    rounds.delete(name);
    rounds.set(name, round);
    if (rounds.size > ROUNDS_KEPT) dropOldest(rounds);
    return round;
  };

  /** The balancers keep what they computed of a list by its identity: it is the same for as long as the snapshot is. */
  const choicesOf = (snapshot: ServiceSnapshot, filter: TraitFilter, name: string): Choices => {
    let known = prepared.get(snapshot);
    if (known === undefined) prepared.set(snapshot, (known = new Map()));
    let choices = known.get(name);
    if (choices === undefined) {
      choices = makeChoices(snapshot, filter);
      if (known.size >= FILTERS_PER_SNAPSHOT) dropOldest(known);
      known.set(name, choices);
    }
    return choices;
  };

  return {
    pick(snapshot, { filter, strategy, key }) {
      const name = filterKey(filter);
      const { providers, suspects } = choicesOf(snapshot, filter, name);
      const from = (choices: readonly Choice[], group: string): Picked | undefined => {
        if (choices.length === 0) return undefined;
        switch (strategy) {
          case 'random':
            return byChance.pick(choices)?.picked;
          case 'hash':
            return byKey.pick(choices, key)?.picked;
          case 'round-robin':
            return roundOf(`${group} ${snapshot.name} ${name}`).pick(choices)?.picked;
          default:
            return strategy satisfies never;
        }
      };
      return from(providers, 'listed') ?? from(suspects, 'suspect');
    },
  };
}

function makeChoices(snapshot: ServiceSnapshot, filter: TraitFilter): Choices {
  const traits = traitTest(filter) ?? (() => true);
  const choice = (picked: Picked): Choice => {
    const { id, record } = picked.provider;
    return { id, weight: record.weight, status: record.status, picked };
  };
  return {
    providers: snapshot.providers
      .filter(({ record, healthy }) => healthy !== false && traits(record))
      .map(provider => choice({ kind: 'provider', provider })),
    suspects: snapshot.suspects
      .filter(({ record }) => traits(record))
      .map(provider => choice({ kind: 'suspect', provider })),
  };
}

function dropOldest(map: Map<string, unknown>): void {
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
