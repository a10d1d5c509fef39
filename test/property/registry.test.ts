import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  applyOverride,
  compareClaims,
  makeProvider,
  type Override,
  PROTECTION_DEFAULTS,
  protectionTracker,
  type ProviderRecord,
  resolveClaims,
} from '../../src/registry/index.ts';
import { roster } from '../../src/registry/roster.ts';

const claim = fc.record({
  znode: fc.constantFrom('a-0000000001', 'a-0000000002', 'b-0000000003', 'c-0000000004'),
  czxid: fc.bigInt({ min: 0n, max: 5n }),
});

test('whatever the order in which claims are seen, the same one wins, and nobody is lost', () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 8 }), fc.nat(), (claims, turn) => {
      const turned = [
        ...claims.slice(turn % (claims.length + 1)),
        ...claims.slice(0, turn % (claims.length + 1)),
      ];
      const { winner, superseded } = resolveClaims(claims);
      const other = resolveClaims([...turned].reverse()).winner;
      expect(winner && other && compareClaims(winner, other)).toBe(
        claims.length === 0 ? undefined : 0,
      );
      expect(superseded).toHaveLength(Math.max(0, claims.length - 1));
      for (const loser of superseded) {
        expect(winner && loser.czxid <= winner.czxid).toBe(true);
      }
    }),
  );
});

type Leave = {
  readonly kind: 'left';
  readonly id: string;
  readonly session: bigint;
  readonly afterMs: number;
  readonly drained: boolean;
  readonly before: number;
};
type Return = { readonly kind: 'returned'; readonly id: string };
type Expire = { readonly kind: 'expire'; readonly afterMs: number };

const id = fc.integer({ min: 0, max: 9 }).map(String);
const step: fc.Arbitrary<Leave | Return | Expire> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('left' as const),
      id,
      session: fc.bigInt({ min: 1n, max: 4n }),
      afterMs: fc.constantFrom(0, 0, 0, 500, 1_500, 4_000),
      drained: fc.nat(4).map(chance => chance === 0),
      before: fc.integer({ min: 1, max: 10 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('returned' as const), id }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      afterMs: fc.constantFrom(0, 1_000, 29_000, 31_000),
    }),
  },
);

/** The rule as it is written down, computed from the whole past each time. */
function suspectsByTheRule(
  past: readonly { readonly step: Leave | Return | Expire; readonly atMs: number }[],
): ReadonlySet<string> {
  const { windowMs, holdMs, ratio, minCount, minSessions } = PROTECTION_DEFAULTS;
  const suspects = new Map<string, number>();
  let gone: { readonly leave: Leave; readonly atMs: number }[] = [];
  for (const { step: now, atMs } of past) {
    if (now.kind === 'expire') {
      for (const [suspect, vanishedMs] of suspects)
        if (vanishedMs + holdMs <= atMs) suspects.delete(suspect);
      continue;
    }
    if (now.kind === 'left' && now.drained) continue;
    gone = gone.filter(({ leave }) => leave.id !== now.id);
    if (now.kind === 'returned') {
      suspects.delete(now.id);
      continue;
    }
    gone.push({ leave: now, atMs });
    const recent = gone.filter(entry => atMs - entry.atMs <= windowMs);
    const size = Math.max(recent[0]?.leave.before ?? 0, recent.length);
    const sessions = new Set(recent.map(({ leave }) => leave.session)).size;
    if (recent.length < minCount || sessions < minSessions || recent.length / size < ratio - 1e-9)
      continue;
    for (const entry of recent) suspects.set(entry.leave.id, entry.atMs);
  }
  return new Set(suspects.keys());
}

test('protection suspects exactly those whom the rule names, over any history', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const tracker = protectionTracker<string>();
      const past: { readonly step: Leave | Return | Expire; readonly atMs: number }[] = [];
      let atMs = 0;
      for (const now of steps) {
        if (now.kind !== 'returned') atMs += now.afterMs;
        past.push({ step: now, atMs });
        if (now.kind === 'returned') tracker.returned(now.id);
        else if (now.kind === 'expire') tracker.expire(atMs);
        else
          tracker.left(
            now.id,
            { id: now.id, sessionId: now.session, atMs, drained: now.drained },
            now.before,
          );
        expect(new Set(tracker.suspects.keys())).toEqual(suspectsByTheRule(past));
      }
    }),
    { numRuns: 500 },
  );
});

interface NodeChange {
  readonly znode: string;
  readonly id: string | undefined;
  readonly weight: number;
}

const override: fc.Arbitrary<Override | undefined> = fc.option(
  fc.record(
    { weight: fc.integer({ min: 0, max: 9 }), disabled: fc.boolean() },
    { requiredKeys: [] },
  ),
  { nil: undefined },
);
const change = fc.oneof(
  fc.record({
    znode: fc.integer({ min: 0, max: 7 }).map(String),
    id: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
    weight: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({ overridden: fc.constantFrom('a', 'b', 'c', 'd'), override }),
);

const recordOf = ({ id: name = '', weight }: NodeChange): ProviderRecord =>
  makeProvider({ v: 1, id: name, service: 'orders', address: '10.0.0.1', port: 80, weight });

test('whoever applies the differences of a roster has its list, and each id is spoken for by its youngest node', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 12 }), batches => {
      const known = roster();
      const nodes = new Map<string, { readonly change: NodeChange; readonly czxid: bigint }>();
      const overrides = new Map<string, Override | undefined>();
      const told = new Map<string, ProviderRecord>();
      let zxid = 0n;
      for (const batch of batches) {
        for (const one of batch) {
          if ('overridden' in one) {
            known.override(one.overridden, one.override);
            overrides.set(one.overridden, one.override);
          } else if (one.id === undefined) {
            known.drop(one.znode);
            nodes.delete(one.znode);
          } else {
            const czxid = nodes.get(one.znode)?.czxid ?? (zxid += 1n);
            known.put({ znode: one.znode, czxid, sessionId: 1n, record: recordOf(one) });
            nodes.set(one.znode, { change: one, czxid });
          }
        }
        for (const { delta, sizeBefore } of known.settle()) {
          expect(sizeBefore).toBe(told.size);
          if (delta.type === 'joined') expect(told.has(delta.provider.id)).toBe(false);
          else expect(told.has(delta.provider.id)).toBe(true);
          if (delta.type === 'left') told.delete(delta.provider.id);
          else told.set(delta.provider.id, delta.provider);
        }
        const expected = new Map<string, ProviderRecord>();
        for (const { change: node } of [...nodes.values()].sort((a, b) =>
          Number(a.czxid - b.czxid),
        )) {
          const record = recordOf(node);
          expected.set(record.id, applyOverride(record, overrides.get(record.id)));
        }
        expect(told).toEqual(expected);
        expect(known.providers.map(provider => provider.id)).toEqual([...expected.keys()].sort());
        expect(known.providers).toBe(known.providers);
        expect(known.settle()).toEqual([]);
      }
    }),
  );
});
