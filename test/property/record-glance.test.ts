import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readProviderQuickly } from '../../src/aggregator/plain-record.ts';
import { recordGlance, repeatsKey } from '../../src/aggregator/record-glance.ts';
import { encodeRecord, makeProvider } from '../../src/registry/index.ts';
import type { Utf8Part } from '../../src/zookeeper/index.ts';
import { partOf } from '../support/utf8-part.ts';

const NOISE = Buffer.from('\0\0\0\u0004{"v":1,"id":"another","service":"other"}', 'latin1');

const within = (bytes: Buffer): Utf8Part => partOf(bytes, NOISE);

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 60, arbitrary: fc.stringMatching(/^[ !#-[\]-~]{0,6}$/) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('', '"', '\\', '}', '",\u0022status":"down', '__proto__', 'ü'),
    },
  );
const port = fc.integer({ min: 1, max: 65_535 });
const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);

const record = fc.record(
  {
    v: fc.constantFrom(1, 1, 1, 2),
    id: fc.oneof(name, fc.stringMatching(/^[ !#-.0-[\]-~]{1,20}$/)),
    service: fc.constantFrom('orders', 'orders', 'orders.eu', 'order'),
    address: fc.stringMatching(/^[!#-[\]-~]{1,30}$/),
    port,
    protocol: text(8),
    version: text(8),
    group: text(8),
    zone: text(8),
    weight: fc.integer({ min: 0, max: 65_535 }),
    status: fc.constantFrom('up', 'starting', 'draining', 'down'),
    tags: fc.array(text(6), { maxLength: 3 }),
    metadata: fc.dictionary(fc.oneof(name, fc.constant('status'), text(4)), text(6), {
      maxKeys: 3,
    }),
    endpoints: fc.dictionary(name, port, { maxKeys: 3 }),
    registeredAt: text(10),
    registrar: text(10),
  },
  { requiredKeys: ['v', 'id', 'service', 'address', 'port'] },
);

/** What this release writes, now and then with one byte of it changed, dropped, or doubled. */
const encoded = fc
  .tuple(
    record,
    fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0x20, max: 0x7e }), fc.constantFrom(0, 1, 2)), {
      freq: 2,
    }),
  )
  .map(([fields, edit]) => {
    let bytes: Buffer;
    try {
      bytes = encodeRecord(makeProvider(fields));
    } catch {
      bytes = Buffer.from(JSON.stringify(fields));
    }
    if (edit === null) return bytes;
    const [where, byte, kept] = edit;
    const at = where % bytes.length;
    const middle = [Buffer.of(), Buffer.of(byte), Buffer.of(byte, byte)][kept] ?? Buffer.of();
    return Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(at + 1)]);
  });

test('what a glance tells of a record, the whole record says too', () => {
  let told = 0;
  fc.assert(
    fc.property(encoded, bytes => {
      const glance = recordGlance(within(bytes), 'orders');
      if (glance === undefined) return;
      told += 1;
      const parsed = readProviderQuickly(bytes);
      expect(parsed).toMatchObject({ ok: true, record: { ...glance, service: 'orders' } });
      const json = bytes.toString('utf8');
      if (parsed.ok && !repeatsKey(json)) expect(JSON.stringify(parsed.record)).toBe(json);
    }),
    { numRuns: 10_000 },
  );
  expect(told).toBeGreaterThan(500);
});

const plain = { v: 1, id: 'a', service: 'orders', address: '10.0.0.5', port: 80 };

test('what this release writes for a plain provider needs no closer look', () => {
  const whole = {
    ...plain,
    protocol: 'http',
    version: '1.2.0',
    zone: 'eu-1',
    weight: 0,
    status: 'draining',
    tags: ['canary', ''],
    metadata: { status: 'down', 'commit id': '0a1b' },
    endpoints: { admin: 65_535 },
    registeredAt: '2026-01-01T00:00:00.000Z',
    registrar: 'rollcall/1.0.0',
  };
  expect(recordGlance(within(encodeRecord(makeProvider(plain))), 'orders')).toEqual({
    id: 'a',
    status: 'up',
  });
  expect(recordGlance(within(encodeRecord(makeProvider(whole))), 'orders')).toEqual({
    id: 'a',
    status: 'draining',
  });
});

test.each([
  ['a port beyond the last', { ...makeProvider(plain), port: 65_536 }],
  ['a port of 0', { ...makeProvider(plain), port: 0 }],
  ['a weight beyond the largest', { ...makeProvider(plain), weight: 65_536 }],
  ['a fraction', { ...makeProvider(plain), port: 80.5 }],
  ['another service', { ...makeProvider(plain), service: 'orders2' }],
  ['a service that begins otherwise', { ...makeProvider(plain), service: 'order' }],
  ['an id with a slash', { ...makeProvider(plain), id: 'a/b' }],
  ['an id of a dot', { ...makeProvider(plain), id: '.' }],
  ['a zone that is too long', { ...makeProvider(plain), zone: 'z'.repeat(129) }],
  ['an escape', { ...makeProvider(plain), zone: '"' }],
  ['a character beyond ASCII', { ...makeProvider(plain), zone: 'zürich' }],
  ['an unknown status', { ...makeProvider(plain), status: 'resting' }],
  ['a field that it does not know', { ...makeProvider(plain), novel: 1 }],
  ['a higher version', { ...makeProvider(plain), v: 2 }],
  ['too many tags', { ...makeProvider(plain), tags: Array.from({ length: 257 }, () => 't') }],
  ['a number among the keys', { ...makeProvider(plain), metadata: { 7: 'x' } }],
  ['a __proto__ among the metadata', JSON.parse('{"__proto__":"x"}') as object],
])('of %s a glance says nothing', (_what, record) => {
  const bytes = Buffer.from(
    JSON.stringify('v' in record ? record : { ...makeProvider(plain), metadata: record }),
  );
  expect(recordGlance(within(bytes), 'orders')).toBeUndefined();
});

test('a record that ends early, or has more behind it, is none at a glance', () => {
  const bytes = encodeRecord(makeProvider(plain));
  expect(recordGlance(within(Buffer.concat([bytes, Buffer.from(' ')])), 'orders')).toBeUndefined();
  expect(recordGlance(within(bytes.subarray(0, -1)), 'orders')).toBeUndefined();
  expect(recordGlance({ ...within(bytes), length: bytes.length - 1 }, 'orders')).toBeUndefined();
});
