import type { ConsumerDescription, ProviderDescription } from '../registry/index.ts';

export type DemoProvider = ProviderDescription & { readonly weight: number };

function provider(
  service: string,
  number: number,
  facts: Pick<DemoProvider, 'version' | 'zone' | 'weight'> & { readonly tags: readonly string[] },
): DemoProvider {
  return {
    id: `demo-${service}-${number}`,
    service,
    // TEST-NET-1 (RFC 5737): an address that is nobody's
    address: `192.0.2.${number}`,
    port: 8080,
    protocol: 'http',
    metadata: { demo: 'true' },
    ...facts,
    tags: [...facts.tags],
  };
}

const [A, B] = ['eu-1a', 'eu-1b'];

export const DEMO_PROVIDERS: readonly DemoProvider[] = [
  provider('shop', 1, { version: '2.3.0', zone: A, weight: 100, tags: ['web'] }),
  provider('shop', 2, { version: '2.3.0', zone: B, weight: 100, tags: ['web'] }),
  provider('shop', 3, { version: '2.4.0', zone: B, weight: 10, tags: ['web', 'canary'] }),
  provider('orders', 1, { version: '1.4.2', zone: A, weight: 100, tags: ['primary'] }),
  provider('orders', 2, { version: '1.4.2', zone: B, weight: 100, tags: ['replica'] }),
  provider('orders', 3, { version: '1.5.0', zone: A, weight: 50, tags: ['replica'] }),
  provider('payments', 1, { version: '0.9.1', zone: A, weight: 200, tags: ['pci'] }),
  provider('payments', 2, { version: '0.9.1', zone: B, weight: 200, tags: ['pci'] }),
];

const consumer = (number: number, service: string): ConsumerDescription => ({
  id: `demo-shop-${number}`,
  service,
  consumer: 'shop',
  address: `192.0.2.${number}`,
});

export const DEMO_CONSUMERS: readonly ConsumerDescription[] = [
  consumer(1, 'orders'),
  consumer(2, 'orders'),
  consumer(1, 'payments'),
];

export interface DemoMove {
  readonly kind: 'come' | 'go' | 'drain' | 'return' | 'change';
  readonly provider: DemoProvider;
  /** After the move. */
  readonly weight: number;
}

interface Part {
  readonly kind: 'up' | 'draining' | 'away';
  readonly weight: number;
  /** Moves of others since it is so. */
  readonly rounds: number;
}

/** By the provider's id. */
export type DemoState = ReadonlyMap<string, Part>;

const DRAINS_FOR_ROUNDS = 2;
const AWAY_FOR_ROUNDS = 3;

export function startOfDemo(): DemoState {
  return new Map(
    DEMO_PROVIDERS.map(({ id, weight }) => [id, { kind: 'up' as const, weight, rounds: 0 }]),
  );
}

/**
 * What happens next: whoever has drained or been away long enough returns; otherwise chance takes one, who changes, drains or
 * goes. Every service keeps somebody who is up.
 */
export function nextDemo(
  state: DemoState,
  random: () => number,
): { readonly move: DemoMove | undefined; readonly next: DemoState } {
  const move = dueMove(state) ?? chanceMove(state, random);
  const next = new Map([...state].map(([id, part]) => [id, { ...part, rounds: part.rounds + 1 }]));
  if (move !== undefined) {
    const kind = move.kind === 'drain' ? 'draining' : move.kind === 'go' ? 'away' : 'up';
    next.set(move.provider.id, { kind, weight: move.weight, rounds: 0 });
  }
  return { move, next };
}

function dueMove(state: DemoState): DemoMove | undefined {
  for (const each of DEMO_PROVIDERS) {
    const part = state.get(each.id);
    if (part?.kind === 'draining' && part.rounds >= DRAINS_FOR_ROUNDS)
      return { kind: 'return', provider: each, weight: part.weight };
    // who comes back is a new process, with the weight that it was started with
    if (part?.kind === 'away' && part.rounds >= AWAY_FOR_ROUNDS)
      return { kind: 'come', provider: each, weight: each.weight };
  }
  return undefined;
}

function chanceMove(state: DemoState, random: () => number): DemoMove | undefined {
  const up = DEMO_PROVIDERS.filter(({ id }) => state.get(id)?.kind === 'up');
  const chosen = up[Math.floor(random() * up.length)];
  if (chosen === undefined) return undefined;
  const weight = state.get(chosen.id)?.weight ?? chosen.weight;
  const isLast = up.filter(({ service }) => service === chosen.service).length === 1;
  const chance = random();
  if (isLast || chance < 0.4) {
    const changed = 10 * (1 + Math.floor(random() * 20));
    return { kind: 'change', provider: chosen, weight: changed };
  }
  return { kind: chance < 0.7 ? 'drain' : 'go', provider: chosen, weight };
}
