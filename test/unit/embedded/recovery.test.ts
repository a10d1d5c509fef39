import { expect, test } from 'vitest';
import { OPEN_ACL } from '../../../src/embedded/acl.ts';
import { applyChange, type Change, type Transaction } from '../../../src/embedded/change.ts';
import {
  encodeFrame,
  encodeHead,
  FILE_HEAD_BYTES,
  type FileHead,
  newFileHead,
} from '../../../src/embedded/log/frames.ts';
import { type NamedBytes, recover } from '../../../src/embedded/log/recover.ts';
import { pictureOf, snapshotPayloads } from '../../../src/embedded/log/snapshot-codec.ts';
import { writeTransaction } from '../../../src/embedded/log/transaction-codec.ts';
import { freshTree, type Tree } from '../../../src/embedded/tree.ts';
import { JuteWriter } from '../../../src/kernel/jute.ts';

const secret = Buffer.alloc(32, 7);
const FIRST = 1_700_000_000_000_000;

const made = (path: string, over: Partial<Extract<Change, { kind: 'create' }>> = {}): Change => ({
  kind: 'create',
  path,
  data: Buffer.from(`data of ${path}`),
  acl: OPEN_ACL,
  life: 'persistent',
  owner: 0n,
  ttlMs: 0,
  ...over,
});

/** One of everything that a log can hold. */
const history: readonly (readonly Change[])[] = [
  [made('/a')],
  [{ kind: 'open-session', sessionId: 0x12_3456_789an, timeoutMs: 4_000 }],
  [],
  [made('/a/e', { life: 'ephemeral', owner: 0x12_3456_789an, data: undefined })],
  [made('/a/box', { life: 'container' }), made('/a/ttl', { life: 'ttl', ttlMs: 2 ** 40 - 1 })],
  [{ kind: 'set-data', path: '/a', data: Buffer.from('changed') }],
  [
    {
      kind: 'set-acl',
      path: '/a',
      acl: [{ permissions: 1, scheme: 'digest', id: undefined }],
    },
  ],
  [{ kind: 'open-session', sessionId: 5n, timeoutMs: 9_000 }],
  [{ kind: 'delete', path: '/a/box' }],
  [
    { kind: 'delete', path: '/a/e' },
    { kind: 'close-session', sessionId: 0x12_3456_789an },
  ],
  [made('/\u00e9\u4e2d')],
];

const transactions: readonly Transaction[] = history.map((changes, index) => ({
  zxid: FIRST + 1 + index,
  timeMs: 1_700_000_000_000 + index,
  changes,
}));

function frameOf(head: FileHead, batch: readonly Transaction[]): Buffer {
  const writer = new JuteWriter();
  for (const transaction of batch) writeTransaction(writer, transaction);
  return encodeFrame(head, writer.finish());
}

function snapshotFile(tree: Tree, zxid: number, sessions = new Map<bigint, number>()): NamedBytes {
  const head = newFileHead('snapshot');
  const picture = pictureOf(tree, { zxid, secret, sessions });
  const frames = [...snapshotPayloads(picture)].map(payload => encodeFrame(head, payload));
  return { name: 'snapshot-1', bytes: Buffer.concat([encodeHead(head), ...frames]) };
}

/** What is known after so many transactions. */
function stateAfter(count: number): { readonly nodes: unknown; readonly sessions: unknown } {
  const tree = freshTree();
  const sessions = new Map<bigint, number>();
  for (const { zxid, timeMs, changes } of transactions.slice(0, count)) {
    for (const change of changes) {
      applyChange(tree, change, zxid, timeMs);
      if (change.kind === 'open-session') sessions.set(change.sessionId, change.timeoutMs);
      if (change.kind === 'close-session') sessions.delete(change.sessionId);
    }
  }
  return { nodes: new Map(tree.entries()), sessions };
}

const snapshot = snapshotFile(freshTree(), FIRST);
const head = newFileHead('log');
/** Batches of one, two, one, two … transactions. */
const batches = [1, 2, 1, 2, 1, 2, 2].map((size, index, sizes) => {
  const from = sizes.slice(0, index).reduce((sum, each) => sum + each, 0);
  return transactions.slice(from, from + size);
});
const frames = batches.map(batch => frameOf(head, batch));
const log = Buffer.concat([encodeHead(head), ...frames]);
/** Where each frame ends. */
const ends = frames.map((_, index) =>
  frames.slice(0, index + 1).reduce((sum, frame) => sum + frame.length, FILE_HEAD_BYTES),
);

const read = (...logs: readonly Buffer[]) =>
  recover(
    snapshot,
    logs.map((bytes, index) => ({ name: `log-${index}`, bytes })),
  );

test('a whole log gives back all that was written', () => {
  const { tree, zxid, sessions, tornBytes, lastLog } = read(log);
  expect({ nodes: new Map(tree.entries()), sessions }).toEqual(stateAfter(transactions.length));
  expect(zxid).toBe(FIRST + transactions.length);
  expect(tornBytes).toBe(0);
  expect(lastLog?.wholeBytes).toBe(log.length);
});

test('a log that ends at any byte gives back the writes that were finished, and where to go on', () => {
  for (let cut = 0; cut < log.length; cut += 1) {
    const whole = ends.filter(end => end <= cut).length;
    const count = batches.slice(0, whole).flat().length;
    const recovered = read(log.subarray(0, cut));
    expect({ nodes: new Map(recovered.tree.entries()), sessions: recovered.sessions }).toEqual(
      stateAfter(count),
    );
    expect(recovered.zxid).toBe(FIRST + count);
    if (cut < FILE_HEAD_BYTES) expect(recovered.lastLog).toBeUndefined();
    else expect(recovered.lastLog?.wholeBytes).toBe(ends[whole - 1] ?? FILE_HEAD_BYTES);
  }
});

test('what is written behind a cut tail is read back, as often as it happens', () => {
  let bytes = encodeHead(head);
  for (const [index, frame] of frames.entries()) {
    const torn = Buffer.concat([bytes, frame.subarray(0, frame.length - 1 - (index % 5))]);
    const { lastLog } = read(torn);
    bytes = Buffer.concat([torn.subarray(0, lastLog?.wholeBytes), frame]);
  }
  expect(bytes.equals(log)).toBe(true);
});

test('a flipped bit before the last write refuses the start, and names the file and the byte', () => {
  const lastBegins = ends.at(-2) ?? 0;
  for (let at = 0; at < lastBegins; at += 1) {
    const bytes = Buffer.from(log);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const begin = [0, FILE_HEAD_BYTES, ...ends].findLast(end => end <= at) ?? 0;
    expect(() => read(bytes), `byte ${at}`).toThrow(
      expect.objectContaining({
        code: 'ZOOKEEPER_UNAVAILABLE',
        details: { file: 'log-0', atByte: begin },
      }),
    );
  }
});

test('a file of another format is not taken for a damaged or an unfinished one', () => {
  const newer = encodeHead(head, 2);
  for (const bytes of [newer, Buffer.concat([newer, Buffer.from('whatever it holds')])])
    expect(() => read(log, bytes)).toThrow(
      expect.objectContaining({
        code: 'ZOOKEEPER_UNAVAILABLE',
        message:
          'log-1 is of format 2, and this version reads format 1: start the version that wrote it',
      }),
    );
  const bytes = encodeHead(newFileHead('snapshot'), 12);
  expect(() => recover({ name: 'snapshot-1', bytes }, [])).toThrow(/^snapshot-1 is of format 12,/);
});

test('a flipped bit in the last write is a write that was not finished', () => {
  for (let at = ends.at(-2) ?? 0; at < log.length; at += 1) {
    const bytes = Buffer.from(log);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(read(bytes).zxid).toBe(FIRST + batches.slice(0, -1).flat().length);
  }
});

test('the zeros that a file was made longer with are no unfinished write', () => {
  const { zxid, tornBytes, lastLog } = read(Buffer.concat([log, Buffer.alloc(5_000)]));
  expect([zxid, tornBytes]).toEqual([FIRST + transactions.length, 0]);
  expect(lastLog?.wholeBytes).toBe(log.length);
  const torn = Buffer.concat([log, Buffer.from([0, 0, 7]), Buffer.alloc(5_000)]);
  expect(read(torn).tornBytes).toBe(3);
});

test('data that looks like a frame is not taken for one', () => {
  const forged = encodeFrame(newFileHead('log'), Buffer.from('whatever'));
  const writer = new JuteWriter();
  const change = { kind: 'set-data', path: '/a', data: forged } as const;
  writeTransaction(writer, { zxid: FIRST + 12, timeMs: 1, changes: [change] });
  const last = encodeFrame(head, writer.finish());
  const torn = Buffer.concat([log, last.subarray(0, last.length - 1)]);
  expect(read(torn).tornBytes).toBe(last.length - 1);
});

test('a log may go over two files; what the snapshot has already is passed over', () => {
  const half = batches.slice(0, 4).flat();
  const second = newFileHead('log');
  const later = Buffer.concat([
    encodeHead(second),
    ...batches.slice(4).map(batch => frameOf(second, batch)),
  ]);
  const earlier = Buffer.concat([encodeHead(head), ...frames.slice(0, 4)]);
  expect(read(earlier, later).zxid).toBe(FIRST + transactions.length);
  for (const before of [earlier, earlier.subarray(0, -1)]) {
    const { lastLog, unfinished } = read(before, later.subarray(0, 5));
    expect([lastLog?.name, unfinished]).toEqual(['log-0', 'log-1']);
  }
  expect(() => read(earlier.subarray(0, -1), later)).toThrow(/a later log follows/);
  expect(() => read(later)).toThrow(/something is missing/);
  const tree = freshTree();
  for (const { zxid, timeMs, changes } of half)
    for (const change of changes) applyChange(tree, change, zxid, timeMs);
  const sessions = new Map([
    [0x12_3456_789an, 4_000],
    [0n, 0],
  ]);
  sessions.delete(0n);
  const recovered = recover(snapshotFile(tree, FIRST + half.length, sessions), [
    { name: 'log-0', bytes: log },
  ]);
  expect({ nodes: new Map(recovered.tree.entries()), sessions: recovered.sessions }).toEqual(
    stateAfter(transactions.length),
  );
});

test('a snapshot that is not whole refuses the start at every byte', () => {
  for (let cut = 0; cut < snapshot.bytes.length; cut += 1) {
    const bytes = snapshot.bytes.subarray(0, cut);
    expect(() => recover({ name: 'snapshot-1', bytes }, []), `cut at ${cut}`).toThrow(
      expect.objectContaining({ code: 'ZOOKEEPER_UNAVAILABLE' }),
    );
  }
  for (let at = 0; at < snapshot.bytes.length; at += 1) {
    const bytes = Buffer.from(snapshot.bytes);
    bytes[at] = (bytes[at] ?? 0) ^ 16;
    expect(() => recover({ name: 'snapshot-1', bytes }, []), `byte ${at}`).toThrow(/damaged/);
  }
});

test('a snapshot of many nodes is made in slices, and read back whole', () => {
  const tree = freshTree();
  for (let index = 0; index < 5_000; index += 1)
    applyChange(tree, made(`/n${index}`), FIRST + index, 5);
  const file = snapshotFile(tree, FIRST);
  expect(new Map(recover(file, []).tree.entries())).toEqual(new Map(tree.entries()));
});
