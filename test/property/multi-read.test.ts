import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import type { Stat } from '../../src/zookeeper/api.ts';
import { childOf } from '../../src/zookeeper/mirror-paths.ts';
import { bytesOf } from '../../src/zookeeper/node-answer.ts';
import { chroot } from '../../src/zookeeper/path.ts';
import { readStat } from '../../src/zookeeper/protocol.ts';
import { multiReadCall } from '../../src/zookeeper/reads.ts';
import {
  type AnswerItem,
  siblingAnswer,
  writeItem,
  writeStat,
} from '../support/sibling-answers.ts';

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

const anyItem: fc.Arbitrary<AnswerItem> = fc.oneof(
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

test('siblings are what each of them is when it is read alone, the large and the missing ones apart', () => {
  const anyNode = fc.option(
    fc.record({
      data: fc.oneof(
        {
          weight: 9,
          arbitrary: fc.string({ unit: 'binary', maxLength: 60 }).map(text => Buffer.from(text)),
        },
        { weight: 1, arbitrary: fc.constant(Buffer.alloc(5_000, 'x')) },
      ),
      stat: anyStat,
    }),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fc.array(anyNode, { maxLength: 8 }), all => {
      const named = new Map(all.map((node, index) => [`n${index}`, node] as const));
      const found = siblingAnswer('/d', named);
      const there = [...named].flatMap(([name, node]) =>
        node === undefined ? [] : [{ name, ...node }],
      );
      const small = there.filter(({ data }) => data.length < 5_000);
      const numbers = (pick: (stat: Stat) => bigint): bigint =>
        small.reduce((newest, { stat }) => (pick(stat) > newest ? pick(stat) : newest), 0n);
      expect(found.nodes.map(({ path }) => path)).toEqual(small.map(({ name }) => `/d/${name}`));
      for (const [index, node] of found.nodes.entries()) {
        const written = small[index];
        if (written === undefined) throw new Error(`${node.path} was not written`);
        expect(node.content.toString('utf8')).toBe(written.data.toString('utf8'));
        expect(bytesOf(node.content).equals(written.data)).toBe(true);
        expect(fieldsOf(node)).toEqual(copyOf(written.stat));
      }
      expect(found.parents).toEqual(found.nodes.filter(({ numChildren }) => numChildren > 0));
      expect(found.dataBytes).toBe(small.reduce((sum, { data }) => sum + data.length, 0));
      expect(found.czxid).toBe(numbers(({ czxid }) => czxid));
      expect(found.mzxid).toBe(numbers(({ mzxid }) => mzxid));
      const apart = [...named].filter(
        ([, node]) => node === undefined || node.data.length >= 5_000,
      );
      expect(found.others.map(({ kind, path }) => `${kind} ${path}`)).toEqual(
        apart.map(([name, node]) => `${node === undefined ? 'error' : 'data'} /d/${name}`),
      );
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

test('siblings ask for the same paths as each does alone, whatever their names', () => {
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
      fc.constantFrom('/', '/a', '/a/ä'),
      fc.array(anyName, { maxLength: 6 }),
      fc.constantFrom('', '/root'),
      (path, names, prefix) => {
        const alone = names.map(name => ({ kind: 'data' as const, path: childOf(path, name) }));
        expect(frameOf([{ kind: 'siblings', path, names }], prefix)).toBe(frameOf(alone, prefix));
      },
    ),
  );
});
