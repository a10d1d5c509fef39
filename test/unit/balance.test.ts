import { expect, test } from 'vitest';
import {
  type Balancer,
  type Candidate,
  consistentHash,
  leastLoaded,
  reportedLoad,
  smoothRoundRobin,
  weightedRandom,
} from '../../src/registry/index.ts';
import { seededRandom } from '../support/seeded-random.ts';

const up = (id: string, weight = 1): Candidate => ({ id, weight, status: 'up' });

const all: readonly { readonly name: string; readonly make: () => Balancer<Candidate> }[] = [
  { name: 'weighted random', make: () => weightedRandom(seededRandom(1)) },
  { name: 'smooth round robin', make: () => smoothRoundRobin() },
  { name: 'least loaded', make: () => leastLoaded({ load: () => 1, random: seededRandom(1) }) },
  { name: 'consistent hash', make: () => consistentHash() },
];

function shares(
  balancer: Balancer<Candidate>,
  list: readonly Candidate[],
  picks: number,
): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(list.map(({ id }) => [id, 0]));
  for (let index = 0; index < picks; index += 1) {
    const id = balancer.pick(list, `key-${index}`)?.id ?? 'nobody';
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([id, count]) => [id, count / picks]));
}

test.each(all)('$name picks nobody from an empty list', ({ make }) => {
  expect(make().pick([], 'key')).toBeUndefined();
});

test.each(all)('$name picks only those that are up and weigh something', ({ make }) => {
  const list: Candidate[] = [
    up('a', 0),
    { id: 'b', weight: 9, status: 'draining' },
    { id: 'c', weight: 9, status: 'starting' },
    { id: 'd', weight: 9, status: 'down' },
    up('e'),
  ];
  expect(shares(make(), list, 200)).toEqual({ a: 0, b: 0, c: 0, d: 0, e: 1 });
  expect(make().pick(list.slice(0, 4), 'key')).toBeUndefined();
});

test.each(all.filter(({ name }) => name !== 'least loaded'))(
  '$name gives each its share of the weight',
  ({ make }) => {
    const found = shares(make(), [up('a', 100), up('b', 200), up('c', 700)], 20_000);
    expect(found['a']).toBeCloseTo(0.1, 1.7);
    expect(found['b']).toBeCloseTo(0.2, 1.7);
    expect(found['c']).toBeCloseTo(0.7, 1.7);
  },
);

test('smooth round robin spreads the heavy one out, as nginx does', () => {
  const balancer = smoothRoundRobin<Candidate>();
  const list = [up('a', 5), up('b', 1), up('c', 1)];
  const picked = Array.from({ length: 7 }, () => balancer.pick(list)?.id).join('');
  expect(picked).toBe('aabacaa');
});

test('smooth round robin goes on where it was when the list changes', () => {
  const balancer = smoothRoundRobin<Candidate>();
  expect(balancer.pick([up('a'), up('b'), up('c')])?.id).toBe('a');
  const smaller = [up('a'), up('b')];
  expect(balancer.pick(smaller)?.id).toBe('b'); // a has just had its turn, and paid for three
  expect(balancer.pick(smaller)?.id).toBe('b');
  expect(balancer.pick(smaller)?.id).toBe('a');
});

test('of two draws the less loaded one is taken, so that the busiest of three is hardly ever picked', () => {
  const load = new Map([
    ['a', 10],
    ['b', 20],
    ['c', 30],
  ]);
  const balancer = leastLoaded<Candidate>({
    load: ({ id }) => load.get(id),
    random: seededRandom(7),
  });
  const found = shares(balancer, [up('a'), up('b'), up('c')], 6_000);
  expect(found['a']).toBeCloseTo(2 / 3, 1);
  expect(found['b']).toBeCloseTo(1 / 3, 1);
  expect(found['c']).toBe(0);
});

test('a provider that reports no load gets its share, not everything', () => {
  const load = new Map([['a', 10]]);
  const balancer = leastLoaded<Candidate>({
    load: ({ id }) => load.get(id),
    random: seededRandom(7),
  });
  expect(shares(balancer, [up('a'), up('b')], 4_000)['b']).toBeCloseTo(0.5, 1);
});

test.each([
  { load: '12.5', means: 12.5 },
  { load: '0', means: 0 },
  { load: '', means: undefined },
  { load: 'busy', means: undefined },
  { load: '-1', means: undefined },
  { load: undefined, means: undefined },
])('a reported load of $load is read as $means', ({ load, means }) => {
  expect(reportedLoad({ metadata: load === undefined ? {} : { load } })).toBe(means);
});

test('a key goes to the same provider whatever the order of the list, today as in every release', () => {
  const list = ['a', 'b', 'c', 'd'].map(id => up(id));
  const owners = ['alice', 'bob', '小明', ''].map(key => consistentHash().pick(list, key)?.id);
  expect(owners).toEqual(
    ['alice', 'bob', '小明', ''].map(key => consistentHash().pick([...list].reverse(), key)?.id),
  );
  expect(owners).toMatchInlineSnapshot(`
    [
      "a",
      "a",
      "c",
      "a",
    ]
  `);
});

test('a pick by hash without a key is refused', () => {
  expect(() => consistentHash().pick([up('a')])).toThrow(
    expect.objectContaining({ code: 'INVALID_REQUEST' }),
  );
});
