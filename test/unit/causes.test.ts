import { expect, test } from 'vitest';
import { causes, type Left } from '../../src/aggregator/causes.ts';
import type { MirrorBatch, MirrorChange, MirrorNode } from '../../src/zookeeper/index.ts';
import { listed } from '../support/derived-facts.ts';
import { mirrorNode } from '../support/mirror-node.ts';

const S = 0x100a2b3n;
const providers = '/rollcall/services/orders/providers';

const node = (path: string, owner: bigint): MirrorNode =>
  mirrorNode(path, { czxid: 1n, ephemeralOwner: owner });

const put = (path: string, owner: bigint, previousOwner?: bigint): MirrorChange => ({
  kind: 'put',
  node: node(path, owner),
  data: Buffer.alloc(0),
  previous: previousOwner === undefined ? undefined : node(path, previousOwner),
});
const gone = (path: string, owner: bigint): MirrorChange => ({
  kind: 'gone',
  node: node(path, owner),
  zxid: 9n,
});

function batch(
  changes: readonly MirrorChange[],
  reason: MirrorBatch['reason'] = 'watch',
): MirrorBatch {
  return { changes, watermarkBefore: 0n, eventAtMs: 0, reason };
}

function left(path: string, facts: Partial<Left> = {}): Left {
  const id = path.slice(path.lastIndexOf('/') + 1);
  return {
    kind: 'left',
    service: 'orders',
    id,
    znode: path,
    sessionId: S,
    czxid: 1n,
    zxid: 9n,
    reason: 'watch',
    atWallMs: 0,
    previous: listed(id),
    how: 'gone',
    drained: false,
    ...facts,
  };
}

/** A judge that knows the nodes of S, and paths that are to be read still. */
function court(paths: readonly string[]) {
  const pending = new Set<string>();
  const judge = causes(path => pending.has(path));
  judge.apply(
    batch(
      paths.map(path => put(path, S)),
      'cold',
    ),
  );
  return { pending, judge };
}

const [a, b, c] = ['a', 'b', 'c'].map(name => `${providers}/${name}`) as [string, string, string];

test('a provider that drained before it went has deregistered, however it was noticed', () => {
  const { judge } = court([a, b]);
  judge.apply(batch([gone(a, S)]));
  expect(judge.judge(left(a, { drained: true })).cause).toBe('deregistered');
  expect(judge.judge(left(a, { drained: true, reason: 'resync' })).cause).toBe('deregistered');
});

test('all that a session owned goes in one batch: it crashed or expired', () => {
  const { judge } = court([a, b]);
  judge.apply(batch([gone(a, S), gone(b, S)]));
  const judgement = judge.judge(left(a));
  expect(judgement.cause).toBe('crashed-or-expired');
  expect(judgement.detail).toContain('all 2 nodes that its session 0x100a2b3 owned');
  expect(judge.judge(left(b)).cause).toBe('crashed-or-expired');
});

test('a session that owned one node crashed or expired, and the detail says how little is known', () => {
  const { judge } = court([a]);
  judge.apply(batch([gone(a, S)]));
  const judgement = judge.judge(left(a));
  expect(judgement.cause).toBe('crashed-or-expired');
  expect(judgement.detail).toContain('owned nothing else here');
});

test('one of several nodes of a session goes and the others stay: someone deleted it', () => {
  const { judge } = court([a, b, c]);
  judge.apply(batch([gone(a, S)]));
  const judgement = judge.judge(left(a));
  expect(judgement.cause).toBe('deleted-by-other');
  expect(judgement.detail).toContain('still owns 2 other nodes');
});

test('the first of a burst is not misjudged because the rest is still to be read', () => {
  const { judge, pending } = court([a, b, c]);
  pending.add(b).add(c);
  judge.apply(batch([gone(a, S)]));
  expect(judge.judge(left(a)).cause).toBe('crashed-or-expired');
  pending.clear();
  expect(judge.apply(batch([gone(b, S), gone(c, S)]))).toEqual([]);
  expect(judge.judge(left(b)).cause).toBe('crashed-or-expired');
  expect(judge.judge(left(c)).detail).toContain('all 3 nodes');
});

test('when the rest of the burst turns out to be a mere change, the judgement is taken back', () => {
  const { judge, pending } = court([a, b]);
  pending.add(b);
  judge.apply(batch([gone(a, S)]));
  expect(judge.judge(left(a)).cause).toBe('crashed-or-expired');
  pending.clear();
  expect(judge.apply(batch([put(b, S, S)]))).toEqual([S]);
  expect(judge.apply(batch([put(b, S, S)]))).toEqual([]);
});

test('when the rest is found unchanged, any later batch takes the judgement back', () => {
  const { judge, pending } = court([a, b]);
  pending.add(b);
  judge.apply(batch([gone(a, S)]));
  judge.judge(left(a));
  pending.clear();
  expect(judge.apply(batch([put(c, 0x7n)]))).toEqual([S]);
});

test('a session that makes a node again after its only one went was not dead', () => {
  const { judge } = court([a]);
  judge.apply(batch([gone(a, S)]));
  expect(judge.judge(left(a)).cause).toBe('crashed-or-expired');
  expect(judge.apply(batch([put(b, S)]))).toEqual([S]);
});

test('what a re-read or an audit finds missing cannot be told', () => {
  const { judge } = court([a, b]);
  judge.apply(batch([gone(a, S)], 'resync'));
  expect(judge.judge(left(a, { reason: 'resync' })).cause).toBe('vanished');
  expect(judge.judge(left(a, { reason: 'audit' })).detail).toContain('an audit');
});

test('a provider that was replaced, or whose bytes are no record any more, has its own cause', () => {
  const { judge } = court([a]);
  expect(judge.judge(left(a, { how: 'replaced' })).cause).toBe('replaced');
  expect(judge.judge(left(a, { how: 'rejected' })).cause).toBe('rejected');
  expect(judge.judge(left(a, { how: 'renamed' }))).toEqual({
    cause: 'replaced',
    detail: 'its znode is there, but claims another id now',
  });
});

test('a node deleted long before its session ended is not counted among those that went with it', () => {
  const { judge } = court([a, b, c]);
  judge.apply(batch([gone(a, S)]));
  judge.judge(left(a));
  judge.apply(batch([gone(b, S), gone(c, S)]));
  expect(judge.judge(left(b)).detail).toContain('all 2 nodes');
});

test('a path that another session takes over does not count for the first one any more', () => {
  const { judge } = court([a, b]);
  judge.apply(batch([put(b, 0x7n, S), gone(a, S)]));
  expect(judge.judge(left(a)).cause).toBe('crashed-or-expired');
});
