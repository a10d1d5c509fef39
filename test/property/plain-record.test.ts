import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readProviderQuickly } from '../../src/aggregator/plain-record.ts';
import { readProvider } from '../../src/registry/index.ts';

const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', '.', '..', 'a/b', 'a b', 'ü', '\u0000', '__proto__', 'x'.repeat(300)),
);
const odd = fc.oneof(
  fc.constantFrom(null, true, -1, 0, 1.5, 65_535, 65_536, 2 ** 53, Number.MAX_VALUE),
  text,
  fc.array(fc.oneof(text, fc.integer()), { maxLength: 3 }),
  fc.dictionary(text, fc.oneof(text, fc.integer({ min: -1, max: 70_000 })), { maxKeys: 3 }),
);
/** Mostly what is right, so that whole records are accepted too. */
const mostly = <T>(right: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: other });
const port = fc.integer({ min: 1, max: 65_535 });

/** A record as they are, in which any field may be missing, odd, or unknown. */
const record = fc
  .tuple(
    fc.record(
      {
        v: fc.integer({ min: 1, max: 3 }),
        id: mostly('orders-1', text),
        service: mostly('orders', fc.constantFrom('a.b_c:d-1', '.', 'or ders')),
        address: mostly('10.0.0.5', text),
        port,
        protocol: text,
        version: text,
        group: text,
        zone: text,
        weight: mostly(1, fc.integer({ min: -1, max: 70_000 })),
        status: mostly('up', fc.constantFrom('starting', 'draining', 'down', 'resting')),
        tags: fc.array(text, { maxLength: 3 }),
        metadata: mostly({}, fc.dictionary(text, text, { maxKeys: 3 })),
        endpoints: mostly({}, fc.dictionary(text, port, { maxKeys: 3 })),
        registeredAt: text,
        registrar: text,
        check: fc.constantFrom({ tcp: 'a:1' }, { interval: 'soon' }, null),
      },
      { requiredKeys: ['v', 'id', 'service', 'address', 'port'] },
    ),
    fc.dictionary(
      fc.constantFrom('id', 'tags', 'metadata', 'weight', 'novel', 'status', 'v', 'port'),
      odd,
      {
        maxKeys: 1,
      },
    ),
  )
  .map(([plain, other]) => Buffer.from(JSON.stringify({ ...plain, ...other })));

test('the quick reading of a record says of every record what the schema says', () => {
  let accepted = 0;
  fc.assert(
    fc.property(record, bytes => {
      const quick = readProviderQuickly(bytes);
      if (quick.ok) accepted += 1;
      expect(quick).toEqual(readProvider(bytes));
    }),
    { numRuns: 3_000 },
  );
  expect(accepted).toBeGreaterThan(300);
});

test.each(['', '[]', 'null', '"orders"', '{', '{"v":1}', '{"__proto__":{"v":1}}', '\ufeff{}'])(
  'the quick reading of %j is that of the schema',
  raw => {
    const bytes = Buffer.from(raw);
    expect(readProviderQuickly(bytes)).toEqual(readProvider(bytes));
  },
);

test('a record that is too large is refused by its size', () => {
  const bytes = Buffer.alloc(70_000, ' ');
  expect(readProviderQuickly(bytes)).toMatchObject({ ok: false, reason: 'too-large' });
});
