import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aclText, isOpen, sameAcl } from '../../src/cli/tree/acl-text.ts';
import { batchesOf, type Write, writeBytes } from '../../src/cli/tree/batches.ts';
import { checkExport, nodesOf } from '../../src/cli/tree/check-export.ts';
import { type ExportedNode, headerLine, nodeLine, trailerLine } from '../../src/cli/tree/format.ts';
import { nodeKind, sequenceCounter } from '../../src/cli/tree/node-kind.ts';
import { sequences } from '../../src/cli/tree/sequences.ts';
import { preview } from '../../src/cli/tree/show-node.ts';
import { errorText } from '../../src/kernel/errors.ts';
import { digestAcl, OPEN_ACL, READ_ONLY_ACL } from '../../src/zookeeper/index.ts';

const plain = { acl: undefined, mode: 'persistent', counter: 0 } as const;
const node = (path: string, text = ''): ExportedNode => ({
  ...plain,
  path,
  data: Buffer.from(text),
});

interface Count {
  readonly nodes?: number;
  readonly sha256?: string;
}

function written(nodes: readonly ExportedNode[], wrong: Count = {}): string {
  const body = headerLine({ root: '/r', at: 'now', zxid: '7' }) + nodes.map(nodeLine).join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  const counts = { nodes: nodes.length, ephemerals: 0, vanished: 0, zxid: '8', sha256 };
  return body + trailerLine({ ...counts, ...wrong });
}

/** In pieces of `size` bytes. */
async function* pieces(bytes: Buffer | string, size = 65_536): AsyncGenerator<Uint8Array> {
  const whole = Buffer.from(bytes);
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

async function problem(bytes: Buffer | string): Promise<string> {
  try {
    await checkExport(pieces(bytes));
  } catch (error) {
    return errorText(error);
  }
  return 'it was accepted';
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const anyAcl = fc.record({
  permissions: fc.integer({ min: 1, max: 31 }),
  scheme: fc.constantFrom('world', 'digest', 'ip'),
  id: fc.string(),
});
const anyNode: fc.Arbitrary<ExportedNode> = fc.record({
  path: fc.string({ unit: 'grapheme', minLength: 1 }).map(name => `/r/${name}`),
  data: fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
    fc.string({ unit: 'binary' }).map(text => Buffer.from(text)),
    fc.constant(Buffer.from('\ufeff{"a": 1}\r\n\u2028')),
  ),
  acl: fc.option(fc.array(anyAcl, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  mode: fc.oneof(
    fc.constantFrom('persistent' as const, 'container' as const),
    fc.integer({ min: 1, max: 2 ** 40 - 1 }).map(ttlMs => ({ ttlMs })),
  ),
  counter: fc.nat(),
});

test('what is written is read again, in whatever pieces it comes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyNode), fc.integer({ min: 1, max: 300 }), async (more, size) => {
      const nodes = [node('/r'), ...more];
      const text = written(nodes);
      const { header, trailer } = await checkExport(pieces(text, size));
      expect(header).toMatchObject({ root: '/r', at: 'now', zxid: '7' });
      expect(trailer).toMatchObject({ nodes: nodes.length, zxid: '8' });
      expect(await all(nodesOf(pieces(text, size)))).toEqual(nodes);
    }),
  );
});

const example = written([node('/r'), node('/r/a', 'one'), node('/r/b', 'two')]);

test('an export that is cut off anywhere is refused', async () => {
  for (let end = 0; end < example.length - 1; end += 1) {
    expect(await problem(example.slice(0, end)), `cut at ${end}`).not.toBe('it was accepted');
  }
  expect(await problem(example.slice(0, -1))).toBe('it was accepted'); // but for the last newline
});

test('an export with any other byte in it is refused', async () => {
  const end = example.lastIndexOf('{');
  for (let at = 0; at < end; at += 1) {
    const bytes = Buffer.from(example);
    bytes[at] = (bytes[at] ?? 0) ^ 0x01;
    expect(await problem(bytes), `at ${at}`).not.toBe('it was accepted');
  }
});

test.for([
  ['', 'it is empty'],
  ['{"a":1}\n', 'it is no tree export: it does not begin with {"rollcall-tree":1,…}'],
  ['<html>', 'it is no tree export'],
  [headerLine({ root: '/', at: '', zxid: '1' }).replace(':1,', ':2,'), 'it is of format 2'],
  [
    example.split('\n').slice(0, 3).join('\n'),
    'it is cut off: after 2 nodes there is no last line',
  ],
  [written([node('/r'), node('/r/a')], { nodes: 3 }), 'it is damaged: it has 2 nodes, and says 3'],
  [written([node('/r')], { sha256: '0'.repeat(64) }), 'it is damaged: its checksum does not fit'],
  [`${example}\n`, 'something follows its last line'],
  [written([node('/r'), node('/else')]), 'line 3: /else is not where its root /r is'],
  [written([node('/r/a')]), 'line 2: /r/a is not where its root /r is'],
  [example.replace('"/r/a"', '7'), 'line 3 is neither a node nor the end: path: '],
  [example.replace('"data":"one"', '"data":"one","base64":""'), 'line 3 contradicts itself'],
] satisfies [string, string][])('%j is refused: %s', async ([text, words]) => {
  expect(await problem(text)).toContain(words);
});

test('text is kept as text, other bytes as base64, and what is usual is left out', () => {
  expect(nodeLine(node('/a', 'grün'))).toBe('{"path":"/a","data":"grün"}\n');
  expect(nodeLine({ ...node('/a'), data: Buffer.from([0xff, 0x00]) })).toBe(
    '{"path":"/a","base64":"/wA="}\n',
  );
  expect(nodeLine({ ...node('/a'), mode: { ttlMs: 5 }, acl: READ_ONLY_ACL, counter: 3 })).toBe(
    '{"path":"/a","acl":[{"permissions":1,"scheme":"world","id":"anyone"}],"mode":"ttl","ttlMs":5,"counter":3}\n',
  );
});

test('writes are put together in order, and no set is too large', async () => {
  const anyWrite = fc.record({
    step: fc.constantFrom('create' as const, 'replace' as const),
    node: anyNode,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyWrite), async writes => {
      const stream = (async function* () {
        yield* writes;
      })();
      const batches = await all(batchesOf(stream, { maxBytes: 500, maxWrites: 3 }));
      expect(batches.flat()).toEqual(writes);
      for (const batch of batches) {
        expect(batch.length).toBeLessThanOrEqual(3);
        const bytes = batch.reduce((sum: number, write: Write) => sum + writeBytes(write), 0);
        if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(500);
      }
    }),
  );
});

test.for([
  [0n, { kind: 'persistent' }],
  [-0x8000_0000_0000_0000n, { kind: 'container' }],
  [BigInt.asIntN(64, 0xff00_0000_0000_2710n), { kind: 'ttl', ttlMs: 10_000 }],
  [0x0100_018f_0a2b_0001n, { kind: 'ephemeral' }],
  [BigInt.asIntN(64, 0xff00_018f_0a2b_0001n), { kind: 'ephemeral' }],
] as const)('an owner of %s is %j', ([ephemeralOwner, kind]) => {
  expect(nodeKind({ ephemeralOwner })).toEqual(kind);
});

test('how many nodes were made is read off the versions of the children', () => {
  expect(sequenceCounter({ cversion: 7, numChildren: 3 })).toBe(5); // five made, two deleted
});

test('only directories with sequential nodes, and fewer nodes than before, are numbered anew', () => {
  const numbers = sequences();
  for (const path of ['/q', '/whole', '/plain']) numbers.found(path, 3);
  for (const path of ['/q/n-0000000002', '/plain/a', '/whole/a', '/whole/b']) numbers.made(path);
  numbers.made('/whole/n-0000000002');
  expect(numbers.behind()).toEqual([{ path: '/q', counter: 3 }]);
});

test('rights are written as zkCli does, and compared as sets', () => {
  expect(aclText(OPEN_ACL)).toBe('world:anyone cdrwa');
  expect(isOpen(READ_ONLY_ACL)).toBe(false);
  const ann = digestAcl('ann', 'secret', 3);
  expect(aclText([ann])).toMatch(/^digest:ann:\S+= rw$/);
  expect(sameAcl([ann, ...OPEN_ACL], [...OPEN_ACL, ann])).toBe(true);
  expect(sameAcl([ann], OPEN_ACL)).toBe(false);
});

test('a preview is bounded, and shows bytes in hexadecimal', () => {
  expect(preview(Buffer.alloc(0))).toBe('(none)');
  expect(preview(Buffer.from([0xff, 1]))).toBe('ff01 (binary)');
  expect(preview(Buffer.from('x'.repeat(5_000)))).toHaveLength(1_002);
});
