import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JuteReader, JuteWriter } from '../../src/kernel/jute.ts';
import { readStat, writeAcls } from '../../src/zookeeper/protocol.ts';
import { frameSplitter } from '../../src/kernel/framing.ts';

type Value =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'long'; readonly value: bigint }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'bytes'; readonly value: Buffer | undefined }
  | { readonly kind: 'string'; readonly value: string | undefined }
  | { readonly kind: 'strings'; readonly value: readonly string[] | undefined };

const anyText = fc.string({ unit: 'binary', maxLength: 40 });
const anyBytes = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes));
const anyValue: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ kind: fc.constant('int' as const), value: fc.integer() }),
  fc.record({
    kind: fc.constant('long' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
  fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({
    kind: fc.constant('bytes' as const),
    value: fc.option(anyBytes, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('string' as const),
    value: fc.option(anyText, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('strings' as const),
    value: fc.option(fc.array(anyText, { maxLength: 8 }), { nil: undefined }),
  }),
);

function write(writer: JuteWriter, item: Value): void {
  switch (item.kind) {
    case 'int':
      return void writer.int(item.value);
    case 'long':
      return void writer.long(item.value);
    case 'bool':
      return void writer.bool(item.value);
    case 'bytes':
      return void writer.bytes(item.value);
    case 'string':
      return void writer.string(item.value);
    case 'strings':
      return void writer.vector(item.value, text => writer.string(text));
    default:
      return item satisfies never;
  }
}

function read(reader: JuteReader, kind: Value['kind']): Value['value'] {
  if (kind === 'strings') return reader.vector(() => reader.string() ?? '', 4);
  return reader[kind]();
}

test('what was written is read back, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.array(anyValue, { maxLength: 20 }),
      fc.integer({ min: 1, max: 64 }),
      (values, capacity) => {
        const writer = new JuteWriter(capacity);
        for (const value of values) write(writer, value);
        const reader = new JuteReader(writer.finish());
        for (const { kind, value } of values) expect(read(reader, kind)).toEqual(value);
        expect(reader.remainingBytes).toBe(0);
      },
    ),
  );
});

test('whatever arrives, reading ends in a value or in MALFORMED_PACKET', () => {
  const kinds = fc.constantFrom<Value['kind']>('int', 'long', 'bool', 'bytes', 'string', 'strings');
  fc.assert(
    fc.property(anyBytes, fc.array(kinds, { minLength: 1, maxLength: 10 }), (bytes, order) => {
      const reader = new JuteReader(bytes);
      try {
        for (const kind of order) read(reader, kind);
      } catch (error) {
        expect(error).toMatchObject({ code: 'MALFORMED_PACKET' });
      }
      expect(reader.remainingBytes).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('what is read shares no memory with the packet it came in', () => {
  const packet = new JuteWriter().bytes(Buffer.from('abc')).finish();
  const read = new JuteReader(packet).bytes();
  packet.fill(0);
  expect(read?.toString()).toBe('abc');
});

interface LibraryRecord {
  [field: string]: unknown;
  byteLength(): number;
  serialize(buffer: Buffer, offset: number): number;
  deserialize(buffer: Buffer, offset: number): number;
}

interface LibraryJute {
  readonly protocol: Readonly<Record<string, new (...fields: unknown[]) => LibraryRecord>>;
  readonly data: Readonly<Record<string, new (...fields: unknown[]) => LibraryRecord>>;
}

const load = createRequire(import.meta.url);
const library = load('node-zookeeper-client/lib/jute') as LibraryJute;

function made(module: 'protocol' | 'data', name: string, ...fields: unknown[]): LibraryRecord {
  const Made = library[module][name];
  if (Made === undefined) throw new Error(`no ${name}`);
  return new Made(...fields);
}

function bytesOf(record: LibraryRecord): Buffer {
  const bytes = Buffer.alloc(record.byteLength());
  record.serialize(bytes, 0);
  return bytes;
}

function longBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

test('the library’s codec writes the same bytes: create requests with their ACLs', () => {
  const anyAcl = fc.record({
    permissions: fc.integer({ min: 1, max: 31 }),
    scheme: anyText,
    id: anyText,
  });
  fc.assert(
    fc.property(
      anyText,
      anyBytes,
      fc.array(anyAcl, { maxLength: 3 }),
      fc.integer({ min: 0, max: 6 }),
      (path, data, acls, flags) => {
        const writer = new JuteWriter().string(path).bytes(data);
        writeAcls(writer, acls);
        const theirs = made(
          'protocol',
          'CreateRequest',
          path,
          data,
          acls.map(({ permissions, scheme, id }) =>
            made('data', 'ACL', permissions, made('data', 'Id', scheme, id)),
          ),
          flags,
        );
        expect(writer.int(flags).finish().equals(bytesOf(theirs))).toBe(true);
      },
    ),
  );
});

test('the library’s codec and ours read the same stat', () => {
  const anyLong = fc.bigInt({ min: 0n, max: 2n ** 50n });
  fc.assert(
    fc.property(
      fc.array(anyLong, { minLength: 6, maxLength: 6 }),
      fc.array(fc.integer(), { minLength: 5, maxLength: 5 }),
      (longs, ints) => {
        const [czxid = 0n, mzxid = 0n, ctime = 0n, mtime = 0n, ephemeralOwner = 0n, pzxid = 0n] =
          longs;
        const [version = 0, cversion = 0, aversion = 0, dataLengthBytes = 0, numChildren = 0] =
          ints;
        const theirs = made(
          'data',
          'Stat',
          longBytes(czxid),
          longBytes(mzxid),
          longBytes(ctime),
          longBytes(mtime),
          version,
          cversion,
          aversion,
          longBytes(ephemeralOwner),
          dataLengthBytes,
          numChildren,
          longBytes(pzxid),
        );
        expect(readStat(new JuteReader(bytesOf(theirs)))).toEqual({
          czxid,
          mzxid,
          ctimeMs: Number(ctime),
          mtimeMs: Number(mtime),
          version,
          cversion,
          aversion,
          ephemeralOwner,
          dataLengthBytes,
          numChildren,
          pzxid,
        });
      },
    ),
  );
});

test('frames cut anywhere come out as they went in', () => {
  fc.assert(
    fc.property(
      fc.array(anyBytes, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = Buffer.concat(
          bodies.flatMap(body => [new JuteWriter().int(body.length).finish(), body]),
        );
        const splitter = frameSplitter();
        const seen: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          splitter.push(stream.subarray(at, at + size));
          at += size;
          for (let frame = splitter.next(); frame !== undefined; frame = splitter.next())
            seen.push(frame);
        }
        expect(seen.map(frame => frame.toString('hex'))).toEqual(
          bodies.map(body => body.toString('hex')),
        );
      },
    ),
  );
});
