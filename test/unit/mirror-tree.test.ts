import { expect, test } from 'vitest';
import type { Stat } from '../../src/zookeeper/api.ts';
import type { NodeChange } from '../../src/zookeeper/mirror-api.ts';
import { mirrorTree, type MirrorTree, type TreeEdit } from '../../src/zookeeper/mirror-tree.ts';
import { nodeChanges } from '../../src/zookeeper/mirror-changes.ts';
import { siblingAnswer } from '../support/sibling-answers.ts';

function stat(facts: Partial<Stat> & { readonly czxid: bigint }): Stat {
  const mzxid = facts.mzxid ?? facts.czxid;
  return {
    ctimeMs: 0,
    mtimeMs: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLengthBytes: 0,
    numChildren: 0,
    pzxid: facts.czxid,
    ...facts,
    mzxid,
  };
}

const bytes = Buffer.from('x');

function change(tree: MirrorTree, make: (edit: TreeEdit) => void): readonly string[] {
  const edit = tree.edit();
  make(edit);
  return [...nodeChanges(edit.changes())].map(textOf);
}

function textOf(one: NodeChange): string {
  if (one.kind === 'gone') return `gone ${one.node.path} by ${one.zxid}`;
  if (one.kind === 'directory') return `directory ${one.node.path} at ${one.node.pzxid}`;
  return `put ${one.node.path} at ${one.node.mzxid}${one.previous === undefined ? '' : ` after ${one.previous.mzxid}`}`;
}

function planted(): MirrorTree {
  const tree = mirrorTree({ keepData: true });
  change(tree, edit => {
    edit.put('/r', stat({ czxid: 1n, pzxid: 3n }), bytes);
    edit.put('/r/a', stat({ czxid: 2n, pzxid: 5n }), bytes);
    edit.put('/r/b', stat({ czxid: 3n }), bytes);
    edit.put('/r/a/1', stat({ czxid: 4n }), bytes);
    edit.put('/r/a/2', stat({ czxid: 5n }), bytes);
  });
  return tree;
}

test('a new child moves the pzxid that is known of its parent, told once for all of them', () => {
  const tree = planted();
  const made = change(tree, edit => {
    edit.put('/r/a/3', stat({ czxid: 8n }), bytes);
    edit.put('/r/a/4', stat({ czxid: 9n }), bytes);
  });
  expect(made).toEqual(['put /r/a/3 at 8', 'put /r/a/4 at 9', 'directory /r/a at 9']);
  expect(tree.get('/r/a')?.pzxid).toBe(9n);
});

test('a read that is older than what is known changes nothing', () => {
  const tree = planted();
  change(tree, edit => edit.put('/r/a/1', stat({ czxid: 4n, mzxid: 7n, version: 1 }), bytes));
  expect(change(tree, edit => edit.put('/r/a/1', stat({ czxid: 4n }), bytes))).toEqual([]);
  expect(change(tree, edit => edit.put('/r/a/1', stat({ czxid: 2n, mzxid: 9n }), bytes))).toEqual(
    [],
  );
  expect(tree.get('/r/a/1')?.version).toBe(1);
});

test('the same node read again changes nothing, or only its pzxid', () => {
  const tree = planted();
  expect(change(tree, edit => edit.put('/r/a', stat({ czxid: 2n, pzxid: 5n }), bytes))).toEqual([]);
  expect(change(tree, edit => edit.put('/r/a', stat({ czxid: 2n, pzxid: 6n }), bytes))).toEqual([
    'directory /r/a at 6',
  ]);
  expect(change(tree, edit => edit.put('/r/a', stat({ czxid: 2n, pzxid: 4n }), bytes))).toEqual([]);
});

test('a node made anew takes the place of the old one and of what was below that, not of its own children', () => {
  const tree = planted();
  change(tree, edit => edit.put('/r/a/3', stat({ czxid: 21n }), bytes));
  const made = change(tree, edit => edit.put('/r/a', stat({ czxid: 20n, pzxid: 21n }), bytes));
  expect(made).toEqual([
    'gone /r/a/1 by 20',
    'gone /r/a/2 by 20',
    'gone /r/a by 20',
    'put /r/a at 20',
    'directory /r at 20',
  ]);
  expect(tree.children('/r/a')).toEqual(['3']);
});

test('what is removed goes with all below it, deepest first', () => {
  const tree = planted();
  expect(change(tree, edit => edit.remove('/r/a', 30n))).toEqual([
    'gone /r/a/1 by 30',
    'gone /r/a/2 by 30',
    'gone /r/a by 30',
  ]);
  expect(change(tree, edit => edit.remove('/r/a', 31n))).toEqual([]);
  expect([...tree.listings()]).toEqual([
    { path: '/', names: ['r'] },
    { path: '/r', names: ['b'] },
  ]);
  expect(tree.children('/r')).toEqual(['b']);
});

test('a child may be known before its parent', () => {
  const tree = mirrorTree({ keepData: false });
  change(tree, edit => edit.put('/r/late/child', stat({ czxid: 9n }), bytes));
  expect(tree.children('/r/late')).toEqual(['child']);
  change(tree, edit => edit.put('/r/late', stat({ czxid: 8n, pzxid: 9n }), bytes));
  expect(change(tree, edit => edit.remove('/r/late', 10n))).toEqual([
    'gone /r/late/child by 10',
    'gone /r/late by 10',
  ]);
  expect(tree.size).toBe(0);
});

test('the stat of another node than the one that is known says nothing of its pzxid', () => {
  const tree = planted();
  expect(change(tree, edit => edit.moved('/r/a', stat({ czxid: 2n, pzxid: 7n })))).toEqual([
    'directory /r/a at 7',
  ]);
  expect(change(tree, edit => edit.moved('/r/a', stat({ czxid: 40n, pzxid: 41n })))).toEqual([]);
  expect(change(tree, edit => edit.moved('/r/unknown', stat({ czxid: 40n })))).toEqual([]);
});

test('the size of a list follows the names in it', () => {
  const tree = planted();
  const empty = tree.listBytes('/r/b');
  expect(tree.listBytes('/r/a') - empty).toBe(2 * (4 + 1));
  change(tree, edit => edit.put('/r/a/größe', stat({ czxid: 50n }), bytes));
  expect(tree.listBytes('/r/a') - empty).toBe(2 * (4 + 1) + 4 + 7);
  change(tree, edit => edit.remove('/r/a', 60n));
  expect(tree.listBytes('/r/a')).toBe(empty);
});

test('bytes are kept only when asked for, and not with the large answer that they came in', () => {
  const answer = Buffer.alloc(100_000);
  const kept = mirrorTree({ keepData: true });
  change(kept, edit => edit.put('/r', stat({ czxid: 1n }), answer.subarray(10, 20)));
  expect(kept.get('/r')?.data).toEqual(Buffer.alloc(10));
  // A small copy lies in the pool that Node keeps for such, whose size is another one in each release.
  expect(kept.get('/r')?.data?.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
  const dropped = mirrorTree({ keepData: false });
  change(dropped, edit => edit.put('/r', stat({ czxid: 1n }), bytes));
  expect(dropped.get('/r')?.data).toBeUndefined();
});

const fill = (
  edit: TreeEdit,
  path: string,
  nodes: Readonly<Record<string, Parameters<typeof stat>[0]>>,
): void =>
  edit.fill(
    path,
    siblingAnswer(
      path,
      new Map(
        Object.entries(nodes).map(([name, facts]) => [name, { data: bytes, stat: stat(facts) }]),
      ),
    ),
  );

test('what is known to be new is told of as anything else, and found by its name afterwards', () => {
  const tree = planted();
  const made = change(tree, edit => {
    fill(edit, '/r/b', { one: { czxid: 8n, ephemeralOwner: 7n }, two: { czxid: 9n } });
  });
  expect(made).toEqual(['put /r/b/one at 8', 'put /r/b/two at 9', 'directory /r/b at 9']);
  expect(tree.size).toBe(7);
  expect(tree.children('/r/b')).toEqual(['one', 'two']);
  expect(tree.get('/r/b/one')).toMatchObject({ path: '/r/b/one', czxid: 8n, ephemeralOwner: 7n });
  expect(
    change(tree, edit => edit.put('/r/b/one', stat({ czxid: 8n, mzxid: 12n }), bytes)),
  ).toEqual(['put /r/b/one at 12 after 8']);
  expect(change(tree, edit => edit.remove('/r/b/one', 13n))).toEqual(['gone /r/b/one by 13']);
  expect(tree.children('/r/b')).toEqual(['two']);
  expect(tree.listBytes('/r/b')).toBe(16 + 4 + 68 + 7);
});

test('the size of a list follows the runs that fill it', () => {
  const tree = mirrorTree({ keepData: false });
  const empty = tree.listBytes('/r');
  for (const [index, name] of ['one', 'größe', '大小'].entries()) {
    change(tree, edit => fill(edit, '/r', { [name]: { czxid: BigInt(index + 1) } }));
    const names = ['one', 'größe', '大小'].slice(0, index + 1);
    const bytesOfNames = names.reduce((sum, each) => sum + 4 + Buffer.byteLength(each), 0);
    expect(tree.listBytes('/r') - empty).toBe(bytesOfNames);
  }
});

test('a directory that comes after what is in it has the pzxid that those made', () => {
  const tree = mirrorTree({ keepData: false });
  const made = change(tree, edit => {
    fill(edit, '/r/a', { one: { czxid: 8n } });
    fill(edit, '/r', { a: { czxid: 2n, pzxid: 8n } });
    fill(edit, '/r/a', { two: { czxid: 9n } });
  });
  expect(made.at(-1)).toBe('directory /r/a at 9');
  expect(tree.get('/r/a')?.pzxid).toBe(9n);
});

test.each([true, false])(
  'a tree (with data: %s) has the data of nodes that were read together',
  keepData => {
    const tree = mirrorTree({ keepData });
    const edit = tree.edit();
    fill(edit, '/r', { a: { czxid: 2n } });
    const [change] = nodeChanges(edit.changes());
    expect(change).toMatchObject({ kind: 'put', data: bytes, previous: undefined });
    const node = tree.get('/r/a');
    expect([node?.data?.toString(), node?.content?.toString('utf8')]).toEqual(
      keepData ? ['x', undefined] : [undefined, 'x'],
    );
  },
);
