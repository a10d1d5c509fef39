import { expect, test } from 'vitest';
import { ProviderClaim, providerClaims } from '../../src/aggregator/provider-claims.ts';
import { recordGlance } from '../../src/aggregator/record-glance.ts';
import { providerJson } from '../../src/http/wire.ts';
import { compareClaims, encodeRecord, makeProvider } from '../../src/registry/index.ts';
import { listed } from '../support/derived-facts.ts';
import { mirrorNode } from '../support/mirror-node.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { partOf } from '../support/utf8-part.ts';

const { record } = listed('a');

/** The claim of a znode; `onRead` is told of each look at its age. */
function claim(
  czxid: number,
  session: number,
  onRead: () => void = () => undefined,
): ProviderClaim {
  const znode = mirrorNode(`/rollcall/services/orders/providers/n-${czxid}`, {
    ephemeralOwner: BigInt(session),
  });
  const node = Object.defineProperty({ ...znode }, 'czxid', {
    get: () => {
      onRead();
      return BigInt(czxid);
    },
  });
  return new ProviderClaim(node, record, record);
}

test('whatever comes and goes, the youngest speaks, and the longest overlap is that of the oldest two sessions', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seededRandom(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    const claims = providerClaims();
    const model: ProviderClaim[] = [];
    const sessions = 1 + below(3);
    for (let step = 1; step <= 60; step += 1) {
      if (model.length > 0 && random() < 0.4) {
        const [victim] = model.splice(below(model.length), 1);
        expect(claims.remove(victim?.znode ?? '')).toBe(victim);
      } else {
        // Younger than all as a rule, sometimes older: a re-read finds what was there before.
        const made = claim(random() < 0.8 ? 1_000 + step : step, below(sessions));
        model.push(made);
        // The only one of its id may have been read together with many others.
        if (model.length === 1) claims.addSole([made]);
        else claims.add(made);
      }
      const [winner, ...superseded] = [...model].sort(compareClaims);
      expect(claims.winner('a')).toBe(winner);
      expect(claims.of('a')).toEqual(winner === undefined ? undefined : { winner, superseded });
      expect(new Set(claims.superseded())).toEqual(new Set(superseded));
      const oldestFirst = [...model].sort(compareClaims).reverse();
      const rival = oldestFirst.find(({ sessionId }) => sessionId !== oldestFirst[0]?.sessionId);
      expect(claims.overlap('a')?.younger).toBe(rival);
    }
  }
});

test.each([
  ['of a session each', (at: number) => at],
  ['of one session', () => 1],
])('thousands of znodes %s under one id cost a few looks each', (_which, sessionOf) => {
  let reads = 0;
  const read = (): void => void (reads += 1);
  const claims = providerClaims();
  const count = 4_000;
  for (let at = 1; at <= count; at += 1) {
    claims.add(claim(at, sessionOf(at), read));
    claims.overlap('a');
  }
  expect(reads).toBeLessThan(count * 10);
  reads = 0;
  for (let at = count; at > 1; at -= 1) {
    claims.remove(`/rollcall/services/orders/providers/n-${at}`);
    claims.overlap('a');
  }
  expect(reads).toBeLessThan(count * 60);
  expect(claims.winner('a')?.znode).toContain('/n-1');
});

test('a provider is answered with the same bytes whether its record was decoded or not', () => {
  const written = encodeRecord(
    makeProvider({
      v: 1,
      id: 'a',
      service: 'orders',
      address: '10.0.0.5',
      port: 80,
      tags: ['canary'],
      metadata: { rack: 'r7' },
      registeredAt: '2026-01-01T00:00:00.000Z',
    }),
  );
  const node = mirrorNode('/rollcall/services/orders/providers/a-0000000001', {
    czxid: 7n,
    content: partOf(written),
  });
  const claim = (): ProviderClaim => new ProviderClaim(node, { id: 'a', status: 'up' });
  const [glanced, asked] = [claim(), claim()];
  expect(asked.record.metadata).toEqual({ rack: 'r7' });
  expect(asked.recordJson).toBeUndefined();
  expect(glanced.recordJson).toBe(written.toString());
  expect(providerJson(glanced)).toBe(providerJson(asked));
});

test.each([
  ['metadata', '"metadata":{":":"x",":":"y"}', { ':': 'y' }],
  ['metadata', '"metadata":{"rack":"},","zone":"","rack":"r7"}', { rack: 'r7', zone: '' }],
  ['endpoints', '"endpoints":{"admin":1,"admin":2}', { admin: 2 }],
])('of %s that repeat a key, %s, the last word is answered', (field, repeated, meant) => {
  const plain = { v: 1, id: 'a', service: 'orders', address: '10.0.0.5', port: 80 };
  const written = encodeRecord(makeProvider(plain)).toString().replace(`"${field}":{}`, repeated);
  const content = partOf(Buffer.from(written));
  const glance = recordGlance(content, 'orders');
  expect(glance).toEqual({ id: 'a', status: 'up' });
  const node = mirrorNode('/rollcall/services/orders/providers/a-0000000001', { content });
  const text = providerJson(new ProviderClaim(node, { id: 'a', status: 'up' }));
  expect(JSON.parse(text)).toMatchObject({ [field]: meant });
  expect(text).not.toContain(repeated);
});

test('a claim whose content is no record says which node it is of when it is asked for it', () => {
  const path = '/rollcall/services/orders/providers/a-0000000001';
  const node = mirrorNode(path, { content: partOf(Buffer.from('{}')) });
  const claim = new ProviderClaim(node, { id: 'a', status: 'up' });
  expect(() => claim.record).toThrow(path);
});
