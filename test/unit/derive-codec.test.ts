import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeOverview,
  decodeShard,
  encodeOverview,
  encodeService,
  encodeShard,
} from '../../src/aggregator/derive/codec.ts';
import type { DerivedService } from '../../src/aggregator/ports.ts';
import { counts } from '../support/derived-facts.ts';

const orders: DerivedService = {
  name: 'orders',
  health: 'healthy',
  counts: counts({ total: 2, up: 2 }),
  zones: { 'eu-1a': 2 },
  versions: { '1.0': 2 },
  flaps: 1,
  lastChange: '2026-01-01T00:00:00.000Z',
};

const overview = {
  writtenAt: '2026-01-01T00:00:00.000Z',
  by: 'agg-1',
  token: '4294967299',
  services: 1,
  providers: 2,
  counts: counts({ total: 2, up: 2 }),
};

const shard = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const decoded = (bytes: Buffer): readonly DerivedService[] =>
  [...decodeShard(bytes).values()].map(({ service }) => service);

test('what a master writes is what a replica reads', () => {
  const empty = { ...orders, name: '__proto__', health: 'down' as const, lastChange: undefined };
  const bytes = encodeShard([encodeService(orders), encodeService(empty)], 7n);
  expect(decoded(bytes)).toEqual([orders, empty]);
  expect(decodeOverview(encodeOverview(overview))).toEqual(overview);
});

test('a newer master adds fields and raises the version; an older replica reads the rest', () => {
  const newer = { v: 9, epoch: 3, services: [{ ...orders, latency: { p50: 3 } }] };
  expect(decoded(shard(newer))).toEqual([orders]);
  expect(decodeOverview(shard({ ...overview, v: 9, regions: 4 }))).toEqual(overview);
});

test('fields that an older master does not write have their defaults', () => {
  expect(decoded(shard({ v: 1, services: [{ name: 'orders' }] }))).toEqual([
    {
      name: 'orders',
      health: 'down',
      counts: counts(),
      zones: {},
      versions: {},
      flaps: 0,
      lastChange: undefined,
    },
  ]);
  expect(decodeOverview(shard({ v: 1, writtenAt: 'x' }))).toMatchObject({
    by: '',
    counts: counts(),
  });
});

test('a health that only a newer master knows is derived from its counts', () => {
  const entry = { ...orders, health: 'warming', counts: counts({ total: 2, up: 1 }) };
  expect(decoded(shard({ v: 2, services: [entry] }))[0]?.health).toBe('degraded');
});

test('an entry that cannot be read does not take the others with it', () => {
  expect(decoded(shard({ v: 1, services: [null, 3, { name: 5 }, orders] }))).toEqual([orders]);
});

test('of a service of which a shard says the same as before the object stays the same', () => {
  const parts = (flaps: number): readonly string[] => [
    encodeService(orders),
    encodeService({ ...orders, name: 'billing', flaps }),
  ];
  const before = decodeShard(encodeShard(parts(0), 7n));
  const after = decodeShard(encodeShard(parts(1), 8n), before);
  expect(after.get('orders')?.service).toBe(before.get('orders')?.service);
  expect(after.get('billing')?.service).toEqual({ ...orders, name: 'billing', flaps: 1 });
  expect(decodeShard(Buffer.from('nonsense'), before).size).toBe(0);
});

test('no bytes whatever make a reader throw', () => {
  expect(decoded(Buffer.from('{"v":1,"services":['))).toEqual([]);
  expect(decodeOverview(Buffer.from('nonsense'))).toBeUndefined();
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array().map(bytes => Buffer.from(bytes)),
        fc.json().map(text => Buffer.from(text)),
      ),
      bytes => {
        decodeShard(bytes);
        decodeOverview(bytes);
      },
    ),
  );
});
