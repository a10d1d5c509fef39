import type { Acl } from './acl.ts';
import { parentOf } from './paths.ts';
import { type Life, type Tree, type Znode } from './tree.ts';

/** One thing that a transaction does. It has been decided that it can be done: applying it cannot fail. */
export type Change =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data: Buffer | undefined;
      readonly acl: readonly Acl[];
      readonly life: Life;
      readonly owner: bigint;
      readonly ttlMs: number;
    }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'set-data'; readonly path: string; readonly data: Buffer | undefined }
  | { readonly kind: 'set-acl'; readonly path: string; readonly acl: readonly Acl[] }
  | { readonly kind: 'open-session'; readonly sessionId: bigint; readonly timeoutMs: number }
  | { readonly kind: 'close-session'; readonly sessionId: bigint };

/** All that happens at one zxid; nothing, when a write was refused. It is what the log keeps. */
export interface Transaction {
  readonly zxid: number;
  readonly timeMs: number;
  readonly changes: readonly Change[];
}

export type Undo = () => void;

const nothing: Undo = () => undefined;

/** Does one change to the tree. What it returns takes it back, when changes are taken back in reverse order. */
export function applyChange(tree: Tree, change: Change, zxid: number, timeMs: number): Undo {
  switch (change.kind) {
    case 'create':
      return applyCreate(tree, change, zxid, timeMs);
    case 'delete':
      return applyDelete(tree, change.path, zxid);
    case 'set-data':
      return applySetData(tree, change.path, change.data, zxid, timeMs);
    case 'set-acl':
      return applySetAcl(tree, change.path, change.acl);
    case 'open-session':
    case 'close-session':
      return nothing;
    default:
      return change satisfies never;
  }
}

function applyCreate(
  tree: Tree,
  change: Extract<Change, { kind: 'create' }>,
  zxid: number,
  timeMs: number,
): Undo {
  const { path, data, acl, life, owner, ttlMs } = change;
  const parent = tree.find(parentOf(path) ?? '/');
  const pzxidBefore = parent?.pzxid ?? 0;
  // One literal: spreading parts into it would allocate three times as much for each node.
  tree.insert(path, {
    data,
    acl,
    life,
    owner,
    ttlMs,
    czxid: zxid,
    ctimeMs: timeMs,
    mzxid: zxid,
    mtimeMs: timeMs,
    pzxid: zxid,
    version: 0,
    aversion: 0,
    creates: 0,
    children: undefined,
  });
  touchParent(parent, 1, zxid);
  return () => {
    tree.remove(path);
    touchParent(parent, -1, pzxidBefore);
  };
}

function applyDelete(tree: Tree, path: string, zxid: number): Undo {
  const parent = tree.find(parentOf(path) ?? '/');
  const pzxidBefore = parent?.pzxid ?? 0;
  const node = tree.remove(path);
  touchParent(parent, 0, zxid);
  return () => {
    if (node !== undefined) tree.insert(path, node);
    touchParent(parent, 0, pzxidBefore);
  };
}

function touchParent(parent: Znode | undefined, creates: number, pzxid: number): void {
  if (parent === undefined) return;
  parent.creates = (parent.creates + creates) | 0;
  parent.pzxid = pzxid;
}

function applySetData(
  tree: Tree,
  path: string,
  data: Buffer | undefined,
  zxid: number,
  timeMs: number,
): Undo {
  const node = tree.find(path);
  if (node === undefined) return nothing;
  const { data: dataBefore, version, mzxid, mtimeMs } = node;
  tree.setData(node, data);
  node.version = (node.version + 1) | 0;
  node.mzxid = zxid;
  node.mtimeMs = timeMs;
  return () => {
    tree.setData(node, dataBefore);
    node.version = version;
    node.mzxid = mzxid;
    node.mtimeMs = mtimeMs;
  };
}

function applySetAcl(tree: Tree, path: string, acl: readonly Acl[]): Undo {
  const node = tree.find(path);
  if (node === undefined) return nothing;
  const before = node.acl;
  node.acl = acl;
  node.aversion = (node.aversion + 1) | 0;
  return () => {
    node.acl = before;
    node.aversion = (node.aversion - 1) | 0;
  };
}
