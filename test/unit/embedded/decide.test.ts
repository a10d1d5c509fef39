import { describe, expect, test } from 'vitest';
import { digestIdentity, type Identity } from '../../../src/embedded/acl.ts';
import { applyChange, type Change } from '../../../src/embedded/change.ts';
import {
  type CreateRequest,
  decideClose,
  decideReaping,
  decideWrite,
  type WriteRequest,
} from '../../../src/embedded/decide.ts';
import { statOf } from '../../../src/embedded/encode.ts';
import { ERROR, type ErrorCode } from '../../../src/embedded/error-code.ts';
import { isValidPath } from '../../../src/embedded/paths.ts';
import { freshTree, type Tree } from '../../../src/embedded/tree.ts';

const world = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
const readOnly = [{ permissions: 1, scheme: 'world', id: 'anyone' }];

const create = (path: string, over: Partial<CreateRequest> = {}): CreateRequest => ({
  kind: 'create',
  op: 'create',
  path,
  data: undefined,
  acl: world,
  flags: 0,
  ttlMs: undefined,
  ...over,
});

const caller = (sessionId = 1n, identities: readonly Identity[] = []) => ({
  sessionId,
  identities,
});

/** A tree on which writes are done, and refused ones are errors. */
function bench() {
  const tree = freshTree();
  let zxid = 100;
  const decide = (request: WriteRequest, who = caller()): ErrorCode | Change | undefined => {
    const decision = decideWrite(tree, request, who);
    return decision.ok ? decision.change : decision.error;
  };
  const run = (request: WriteRequest, who = caller()): string => {
    const decision = decideWrite(tree, request, who);
    if (!decision.ok) throw new Error(`refused: ${decision.error}`);
    zxid += 1;
    if (decision.change !== undefined) applyChange(tree, decision.change, zxid, zxid * 10);
    return decision.change?.kind === 'create' ? decision.change.path : '';
  };
  return { tree, decide, run };
}

const dump = (tree: Tree): unknown =>
  new Map(
    [...tree.entries()].map(([path, node]) => [
      path,
      { ...node, children: new Set(node.children) },
    ]),
  );

test('the sequence is the count of creates under the parent, whatever was deleted', () => {
  const { tree, run } = bench();
  run(create('/p'));
  run(create('/p/other'));
  expect(run(create('/p/s-', { flags: 2 }))).toBe('/p/s-0000000001');
  run({ kind: 'delete', path: '/p/s-0000000001', version: -1 });
  expect(run(create('/p/s-', { flags: 2 }))).toBe('/p/s-0000000002');
  expect(run(create('/p/', { flags: 3 }))).toBe('/p/0000000003');
  const parent = tree.find('/p');
  expect(parent && statOf(parent)).toMatchObject({ cversion: 2 * 4 - 3, numChildren: 3 });
});

test('the sequence runs over into signed numbers of ten characters', () => {
  const { tree, run } = bench();
  run(create('/p'));
  const parent = tree.find('/p');
  if (parent === undefined) throw new Error('no parent');
  parent.creates = 2 ** 31 - 1;
  expect(run(create('/p/s-', { flags: 2 }))).toBe('/p/s-2147483647');
  expect(run(create('/p/s-', { flags: 2 }))).toBe('/p/s--2147483648');
  parent.creates = -5;
  expect(run(create('/p/s-', { flags: 2 }))).toBe('/p/s--000000005');
});

describe('what is refused, and with which code', () => {
  const { decide, run } = bench();
  run(create('/a'));
  run(create('/a/leaf'));
  run(create('/e', { flags: 1 }));
  run(create('/closed', { acl: readOnly }));
  run({ kind: 'set-data', path: '/a/leaf', data: undefined, version: 0 });
  test.each<[string, WriteRequest, ErrorCode]>([
    ['a node that is there', create('/a'), ERROR.nodeExists],
    ['the root', create('/'), ERROR.nodeExists],
    ['no parent', create('/x/y'), ERROR.noNode],
    ['a child of an ephemeral node', create('/e/c'), ERROR.noChildrenForEphemerals],
    ['no slash', create('a'), ERROR.badArguments],
    ['a path that ends with a slash', create('/a/'), ERROR.badArguments],
    ['dots', create('/a/..'), ERROR.badArguments],
    ['a zero', create('/a/\0'), ERROR.badArguments],
    ['an unknown mode', create('/y', { flags: 7 }), ERROR.badArguments],
    ['a TTL mode without a TTL', create('/y', { flags: 5 }), ERROR.badArguments],
    ['a TTL of nothing', create('/y', { flags: 5, ttlMs: 0, op: 'createTtl' }), ERROR.badArguments],
    ['a TTL for a mode without', create('/y', { ttlMs: 5, op: 'createTtl' }), ERROR.badArguments],
    ['no ACL', create('/y', { acl: [] }), ERROR.invalidAcl],
    ['a null ACL', create('/y', { acl: undefined }), ERROR.invalidAcl],
    [
      'a scheme that nobody knows',
      create('/y', { acl: [{ permissions: 1, scheme: 'x', id: 'y' }] }),
      ERROR.invalidAcl,
    ],
    [
      'auth without credentials',
      create('/y', { acl: [{ permissions: 1, scheme: 'auth', id: '' }] }),
      ERROR.invalidAcl,
    ],
    ['no right to create', create('/closed/y'), ERROR.noAuth],
    ['a delete of a parent', { kind: 'delete', path: '/a', version: -1 }, ERROR.notEmpty],
    [
      'a delete of another version',
      { kind: 'delete', path: '/a/leaf', version: 0 },
      ERROR.badVersion,
    ],
    ['a delete of nothing', { kind: 'delete', path: '/a/none', version: -1 }, ERROR.noNode],
    [
      'a delete of what every server has',
      { kind: 'delete', path: '/zookeeper', version: -1 },
      ERROR.badArguments,
    ],
    [
      'a write of another version',
      { kind: 'set-data', path: '/a/leaf', data: undefined, version: 0 },
      ERROR.badVersion,
    ],
    [
      'a write without the right',
      { kind: 'set-data', path: '/closed', data: undefined, version: -1 },
      ERROR.noAuth,
    ],
    [
      'an ACL without the right',
      { kind: 'set-acl', path: '/closed', acl: world, version: -1 },
      ERROR.noAuth,
    ],
    ['a check of another version', { kind: 'check', path: '/a', version: 3 }, ERROR.badVersion],
    ['a check of nothing', { kind: 'check', path: '/none', version: -1 }, ERROR.noNode],
  ])('%s', (_what, request, code) => {
    expect(decide(request)).toBe(code);
  });
});

test('credentials open what they name, and auth becomes whoever asks', () => {
  const { tree, decide, run } = bench();
  const me = caller(1n, [{ scheme: 'ip', id: '10.1.2.3' }, digestIdentity('me:secret')]);
  run(create('/mine', { acl: [{ permissions: 31, scheme: 'auth', id: '' }] }), me);
  expect(tree.find('/mine')?.acl).toEqual([{ permissions: 31, ...digestIdentity('me:secret') }]);
  const write = { kind: 'set-data', path: '/mine', data: undefined, version: -1 } as const;
  expect(decide(write, me)).toMatchObject({ kind: 'set-data' });
  expect(decide(write, caller(1n, [digestIdentity('me:wrong')]))).toBe(ERROR.noAuth);
  run(create('/net', { acl: [{ permissions: 31, scheme: 'ip', id: '10.0.0.0/8' }] }));
  const inNet = { ...write, path: '/net' };
  expect(decide(inNet, me)).toMatchObject({ kind: 'set-data' });
  expect(decide(inNet, caller(1n, [{ scheme: 'ip', id: '11.1.2.3' }]))).toBe(ERROR.noAuth);
});

test('what is taken back in reverse leaves the tree as it was, cversion and pzxid included', () => {
  const { tree, decide, run } = bench();
  run(create('/p'));
  run(create('/p/a', { flags: 1 }), caller(9n));
  run(create('/p/b'));
  const before = dump(tree);
  const ids = [...tree.ownedBy(9n)];
  const undos = (
    [
      create('/p/c', { flags: 1 }),
      create('/p/c2', { op: 'createContainer', flags: 4 }),
      { kind: 'set-data', path: '/p', data: Buffer.from('x'), version: -1 },
      { kind: 'delete', path: '/p/a', version: -1 },
      { kind: 'set-acl', path: '/p/b', acl: readOnly, version: -1 },
      { kind: 'delete', path: '/p/c2', version: -1 },
    ] satisfies WriteRequest[]
  ).map(request => {
    const change = decide(request, caller(9n));
    if (typeof change !== 'object') throw new Error(`refused: ${change}`);
    return applyChange(tree, change, 999, 999);
  });
  expect(dump(tree)).not.toEqual(before);
  for (const undo of undos.reverse()) undo();
  expect(dump(tree)).toEqual(before);
  expect([...tree.ownedBy(9n)]).toEqual(ids);
  expect([tree.ephemerals, tree.mortal.size]).toEqual([1, 0]);
});

test('the end of a session takes its nodes, and no others', () => {
  const { tree, run } = bench();
  run(create('/e1', { flags: 1 }), caller(7n));
  run(create('/e2', { flags: 1 }), caller(8n));
  expect(decideClose(tree, 7n)).toEqual([
    { kind: 'delete', path: '/e1' },
    { kind: 'close-session', sessionId: 7n },
  ]);
});

test('reaped are containers that had children, and TTL nodes that were not written; leaves only', () => {
  const { tree, run } = bench();
  const container = { op: 'createContainer', flags: 4 } as const;
  for (const path of ['/fresh', '/used', '/full']) run(create(path, container));
  run(create('/used/c'));
  run(create('/full/c'));
  run({ kind: 'delete', path: '/used/c', version: -1 });
  run(create('/old', { op: 'createTtl', flags: 5, ttlMs: 100 }));
  const atMs = tree.find('/old')?.mtimeMs ?? 0;
  expect(decideReaping(tree, atMs + 100)).toEqual(['/used']);
  expect(decideReaping(tree, atMs + 101)).toEqual(['/used', '/old']);
  run(create('/old/c'));
  expect(decideReaping(tree, atMs + 101)).toEqual(['/used']);
});

test.each([
  ['/', true],
  ['/a', true],
  ['/a/b.c/..d/e..', true],
  ['/\u00e9\u4e2d', true],
  ['', false],
  ['a', false],
  ['//', false],
  ['/a//b', false],
  ['/a/', false],
  ['/.', false],
  ['/a/./b', false],
  ['/a/..', false],
  ['/a\u0000', false],
  ['/a\u001f', false],
  ['/a\u007f', false],
  ['/a\ud83d\ude00', false],
  ['/a\ufffd', false],
])('%j may name a node: %s', (path, may) => {
  expect(isValidPath(path)).toBe(may);
});
