import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Candidate, consistentHash, smoothRoundRobin } from '../../src/registry/index.ts';

const candidates = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 12 }),
    weight: fc.integer({ min: 1, max: 20 }),
    status: fc.constant('up' as const),
  }),
  { selector: ({ id }) => id, minLength: 2, maxLength: 12 },
);
const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);

const owners = (list: readonly Candidate[]): (string | undefined)[] => {
  const balancer = consistentHash();
  return keys.map(key => balancer.pick(list, key)?.id);
};

test('when a provider leaves, only its own keys move', () => {
  fc.assert(
    fc.property(candidates, fc.nat(), (list, at) => {
      const gone = list[at % list.length];
      const before = owners(list);
      const after = owners(list.filter(candidate => candidate !== gone));
      for (const [index, owner] of before.entries()) {
        if (owner !== gone?.id) expect(after[index]).toBe(owner);
      }
    }),
  );
});

test('when a provider gains weight, keys move to it alone', () => {
  fc.assert(
    fc.property(candidates, fc.nat(), fc.integer({ min: 1, max: 20 }), (list, at, more) => {
      const grown = list[at % list.length];
      const before = owners(list);
      const after = owners(
        list.map(candidate =>
          candidate === grown ? { ...candidate, weight: candidate.weight + more } : candidate,
        ),
      );
      for (const [index, owner] of after.entries()) {
        if (owner !== grown?.id) expect(owner).toBe(before[index]);
      }
    }),
  );
});

test('over a run as long as the total weight, round robin picks each exactly as often as it weighs', () => {
  fc.assert(
    fc.property(candidates, fc.integer({ min: 1, max: 3 }), (list, rounds) => {
      const balancer = smoothRoundRobin<Candidate>();
      const total = list.reduce((sum, { weight }) => sum + weight, 0);
      for (let round = 0; round < rounds; round += 1) {
        const counts = new Map<string, number>();
        for (let index = 0; index < total; index += 1) {
          const id = balancer.pick(list)?.id ?? 'nobody';
          counts.set(id, (counts.get(id) ?? 0) + 1);
        }
        expect(counts).toEqual(new Map(list.map(({ id, weight }) => [id, weight])));
      }
    }),
  );
});
