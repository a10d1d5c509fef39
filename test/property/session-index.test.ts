import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sessionIndex } from '../../src/aggregator/session-index.ts';
import { mirrorNode } from '../support/mirror-node.ts';

const SESSIONS = 4;

type Step =
  | { readonly kind: 'filled'; readonly owners: readonly number[] }
  | { readonly kind: 'put'; readonly owner: number }
  | { readonly kind: 'gone'; readonly which: number }
  | { readonly kind: 'some' }
  | { readonly kind: 'ask' | 'forget'; readonly session: number };

const owner = fc.nat(SESSIONS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('filled' as const), owners: fc.array(owner, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('put' as const), owner }),
  fc.record({ kind: fc.constant('gone' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('some' as const) }),
  fc.record({ kind: fc.constantFrom('ask' as const, 'forget' as const), session: owner }),
);

test('nodes that are looked at when something is asked count as those that were put one by one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.func(fc.boolean()), (steps, isPending) => {
      const [lazy, eager] = [sessionIndex(isPending), sessionIndex(isPending)];
      const there = new Map<string, bigint>();
      let made = 0;
      const make = (of: number): string => {
        const path = `/n${made++}`;
        there.set(path, BigInt(of));
        return path;
      };
      for (const one of steps) {
        if (one.kind === 'filled') {
          const nodes = one.owners.map(of => mirrorNode(make(of), { ephemeralOwner: BigInt(of) }));
          lazy.add(nodes);
          for (const { path, ephemeralOwner } of nodes)
            if (ephemeralOwner !== 0n) eager.put(ephemeralOwner, path);
        } else if (one.kind === 'put') {
          const path = make(one.owner);
          if (one.owner > 0) for (const each of [lazy, eager]) each.put(BigInt(one.owner), path);
        } else if (one.kind === 'gone') {
          const entry = [...there][one.which % Math.max(1, there.size)];
          if (entry === undefined) continue;
          const [path, of] = entry;
          there.delete(path);
          if (of !== 0n) for (const each of [lazy, eager]) each.gone(of, path);
        } else if (one.kind === 'some') lazy.indexSome();
        else if (one.kind === 'forget')
          for (const each of [lazy, eager]) each.forgetGone(BigInt(one.session));
        else {
          const told = [lazy, eager].map(each => ({
            fate: each.fate(BigInt(one.session)),
            owned: each.owned(BigInt(one.session)),
            lives: each.lives(BigInt(one.session)),
            size: each.size,
          }));
          expect(told[0]).toEqual(told[1]);
        }
      }
    }),
    { numRuns: 500 },
  );
});
