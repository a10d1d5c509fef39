import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import type { Stat } from '../../src/zookeeper/api.ts';
import { chroot } from '../../src/zookeeper/path.ts';
import { OP, readStat } from '../../src/zookeeper/protocol.ts';
import { multiReadCall } from '../../src/zookeeper/reads.ts';

const anyInt = fc.integer();
/** Few different ones, so that neighbours repeat each other's. */
const anyZxid = fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 2n ** 62n }));
const anyOwner = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyStat: fc.Arbitrary<Stat> = fc.record({
  czxid: anyZxid,
  mzxid: anyZxid,
  ctimeMs: fc.nat({ max: 2 ** 50 }),
  mtimeMs: fc.nat({ max: 2 ** 50 }),
  version: anyInt,
  cversion: anyInt,
  aversion: anyInt,
  ephemeralOwner: anyOwner,
  dataLengthBytes: anyInt,
  numChildren: anyInt,
  pzxid: anyZxid,
});

type Item =
  | { readonly kind: 'data'; readonly data: Buffer | undefined; readonly stat: Stat }
  | { readonly kind: 'children'; readonly children: readonly string[] }
  | { readonly kind: 'error' };

const anyItem: fc.Arbitrary<Item> = fc.oneof(
  fc.record({
    kind: fc.constant('data' as const),
    data: fc.option(
      fc.string({ unit: 'binary', maxLength: 60 }).map(text => Buffer.from(text)),
      { nil: undefined },
    ),
    stat: anyStat,
  }),
  fc.record({
    kind: fc.constant('children' as const),
    children: fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 5 }),
  }),
  fc.constant({ kind: 'error' as const }),
);

const NO_NODE = -101;

function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid).long(stat.mzxid);
  writer.long(BigInt(stat.ctimeMs)).long(BigInt(stat.mtimeMs));
  writer.int(stat.version).int(stat.cversion).int(stat.aversion).long(stat.ephemeralOwner);
  writer.int(stat.dataLengthBytes).int(stat.numChildren).long(stat.pzxid);
}

function writeItem(writer: JuteWriter, item: Item): void {
  const op = { data: OP.getData, children: OP.getChildren, error: OP.error }[item.kind];
  writer
    .int(op)
    .bool(false)
    .int(item.kind === 'error' ? NO_NODE : 0);
  if (item.kind === 'error') return void writer.int(NO_NODE);
  if (item.kind === 'children')
    return void writer.vector(item.children, name => writer.string(name));
  writer.bytes(item.data);
  writeStat(writer, item.stat);
}

const copyOf = (stat: Stat): Stat => {
  const writer = new JuteWriter();
  writeStat(writer, stat);
  return readStat(new JuteReader(writer.finish()));
};

const fieldsOf = (stat: Stat): Stat => ({
  czxid: stat.czxid,
  mzxid: stat.mzxid,
  ctimeMs: stat.ctimeMs,
  mtimeMs: stat.mtimeMs,
  version: stat.version,
  cversion: stat.cversion,
  aversion: stat.aversion,
  ephemeralOwner: stat.ephemeralOwner,
  dataLengthBytes: stat.dataLengthBytes,
  numChildren: stat.numChildren,
  pzxid: stat.pzxid,
});

test('what is read out of a multiRead’s answer when it is asked for is what is in it, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(anyItem, { maxLength: 8 }), fc.boolean(), (items, backwards) => {
      const writer = new JuteWriter();
      for (const item of items) writeItem(writer, item);
      const requests = items.map((item, index) => ({
        kind: item.kind === 'children' ? ('children' as const) : ('data' as const),
        path: `/n/${index}`,
      }));
      const body = new JuteReader(writer.finish());
      const reply = { zxid: 1n, error: 0, body };
      const results = multiReadCall(chroot(''), requests).read(body, reply);
      const order = [...results.entries()];
      for (const [index, result] of backwards ? order.toReversed() : order) {
        const item = items[index];
        expect(result.path).toBe(`/n/${index}`);
        if (item?.kind === 'data' && result.kind === 'data') {
          const bytes = item.data ?? Buffer.alloc(0);
          expect(result.data.equals(bytes)).toBe(true);
          expect(result.content?.length).toBe(bytes.length);
          expect(result.content?.toString('utf8')).toBe(bytes.toString('utf8'));
          expect(fieldsOf(result.stat)).toEqual(copyOf(item.stat));
        } else if (item?.kind === 'children' && result.kind === 'children') {
          expect(result.children).toEqual(
            item.children.map(name => Buffer.from(name).toString('utf8')),
          );
        } else {
          expect([item?.kind, result.kind]).toEqual(['error', 'error']);
          expect(result).toMatchObject({ error: { code: 'NO_NODE' } });
        }
      }
    }),
  );
});

test('an answer that ends early is refused, wherever it ends', () => {
  const writer = new JuteWriter();
  const stat = fc.sample(anyStat, 1)[0];
  if (stat === undefined) throw new Error('no stat');
  writeItem(writer, { kind: 'data', data: Buffer.from('{"v":1}'), stat });
  const whole = writer.finish();
  const call = multiReadCall(chroot(''), [{ kind: 'data', path: '/n' }]);
  for (let length = 0; length < whole.length; length += 1) {
    const body = new JuteReader(Buffer.from(whole.subarray(0, length)));
    expect(() => call.read(body, { zxid: 1n, error: 0, body })).toThrow(
      expect.objectContaining({ code: 'MALFORMED_PACKET' }),
    );
  }
});

test('siblings named by their directory ask for the same paths as whole paths do, whatever their names', () => {
  const anyName = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.constantFrom('.', '..', 'a', 'a b', 'ä', '...'),
  );
  const frameOf = (requests: Parameters<typeof multiReadCall>[1], prefix: string): string => {
    const writer = new JuteWriter();
    try {
      multiReadCall(chroot(prefix), requests).write?.(writer);
    } catch (error) {
      return String(error);
    }
    return writer.finish().toString('hex');
  };
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('/', '/a', '/a/b'), anyName), { maxLength: 6 }),
      fc.constantFrom('', '/root'),
      (places, prefix) => {
        const whole = places.map(([parent, name]) => ({
          kind: 'data' as const,
          path: parent === '/' ? `/${name}` : `${parent}/${name}`,
        }));
        const siblings = whole.map((request, index) => {
          const [parent, name] = places[index] ?? ['/', ''];
          return { ...request, parent, name };
        });
        expect(frameOf(siblings, prefix)).toBe(frameOf(whole, prefix));
      },
    ),
  );
});
