import { type Acl, type Identity, PERMISSION, permits, settleAcl } from './acl.ts';
import type { Change } from './change.ts';
import { ERROR, type ErrorCode } from './error-code.ts';
import { isBuiltIn, isValidPath, parentOf } from './paths.ts';
import type { Life, Tree, Znode } from './tree.ts';

/** Whose request it is. */
export interface Caller {
  readonly sessionId: bigint;
  readonly identities: readonly Identity[];
}

export interface CreateRequest {
  readonly kind: 'create';
  readonly path: string;
  readonly data: Buffer | undefined;
  readonly acl: readonly Acl[] | undefined;
  readonly flags: number;
  /** Only what createTTL carries. */
  readonly ttlMs: number | undefined;
  readonly op: 'create' | 'createContainer' | 'createTtl';
}

export type WriteRequest =
  | CreateRequest
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | {
      readonly kind: 'set-data';
      readonly path: string;
      readonly data: Buffer | undefined;
      readonly version: number;
    }
  | {
      readonly kind: 'set-acl';
      readonly path: string;
      readonly acl: readonly Acl[] | undefined;
      readonly version: number;
    }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

/** What a write would do: the change (a check has none), or why it may not. */
export type Decision =
  | { readonly ok: true; readonly change: Change | undefined }
  | { readonly ok: false; readonly error: ErrorCode };

const MAX_TTL_MS = 2 ** 40 - 1;

/** `CreateMode.fromFlag`. */
const MODES: readonly { readonly life: Life; readonly sequential: boolean }[] = [
  { life: 'persistent', sequential: false },
  { life: 'ephemeral', sequential: false },
  { life: 'persistent', sequential: true },
  { life: 'ephemeral', sequential: true },
  { life: 'container', sequential: false },
  { life: 'ttl', sequential: false },
  { life: 'ttl', sequential: true },
];

const refuse = (error: ErrorCode): Decision => ({ ok: false, error });
const NO_CHANGE: Decision = { ok: true, change: undefined };

/** What `request` would do to `tree` now. The order in which it is refused is ZooKeeper's own. */
export function decideWrite(tree: Tree, request: WriteRequest, caller: Caller): Decision {
  switch (request.kind) {
    case 'create':
      return decideCreate(tree, request, caller);
    case 'delete':
      return decideDelete(tree, request, caller);
    case 'set-data':
      return decideSetData(tree, request, caller);
    case 'set-acl':
      return decideSetAcl(tree, request, caller);
    case 'check':
      return decideCheck(tree, request, caller);
    default:
      return request satisfies never;
  }
}

function decideCreate(tree: Tree, request: CreateRequest, caller: Caller): Decision {
  const mode = MODES[request.flags];
  if (mode === undefined || !isTtlFit(mode.life, request.ttlMs)) return refuse(ERROR.badArguments);
  const parentPath = parentOf(request.path);
  if (parentPath === undefined || request.path.includes('\0')) return refuse(ERROR.badArguments);
  const acl = settleAcl(request.acl, caller.identities);
  if (acl === undefined) return refuse(ERROR.invalidAcl);
  const parent = tree.find(parentPath);
  if (parent === undefined) return refuse(ERROR.noNode);
  if (!permits(parent.acl, PERMISSION.create, caller.identities)) return refuse(ERROR.noAuth);
  const path = mode.sequential ? request.path + sequenceText(parent.creates) : request.path;
  if (!isValidPath(path)) return refuse(ERROR.badArguments);
  if (tree.find(path) !== undefined) return refuse(ERROR.nodeExists);
  if (parent.life === 'ephemeral') return refuse(ERROR.noChildrenForEphemerals);
  const life = lifeOf(mode.life, request.op);
  const owner = life === 'ephemeral' ? caller.sessionId : 0n;
  const ttlMs = life === 'ttl' ? (request.ttlMs ?? 0) : 0;
  return {
    ok: true,
    change: { kind: 'create', path, data: request.data, acl, life, owner, ttlMs },
  };
}

/** A life that another operation than its own asks for is an ordinary one, as in ZooKeeper. */
function lifeOf(wanted: Life, op: CreateRequest['op']): Life {
  if (op === 'createContainer') return 'container';
  if (op === 'createTtl') return 'ttl';
  return wanted === 'ephemeral' ? 'ephemeral' : 'persistent';
}

/** A TTL belongs to the modes that have one, and to no other. */
function isTtlFit(life: Life, ttlMs: number | undefined): boolean {
  if (life !== 'ttl') return ttlMs === undefined;
  return ttlMs !== undefined && ttlMs > 0 && ttlMs <= MAX_TTL_MS;
}

/** Ten digits, the sign among them once the count has run over. */
function sequenceText(creates: number): string {
  const digits = String(Math.abs(creates));
  return creates < 0 ? `-${digits.padStart(9, '0')}` : digits.padStart(10, '0');
}

function decideDelete(
  tree: Tree,
  { path, version }: Extract<WriteRequest, { kind: 'delete' }>,
  caller: Caller,
): Decision {
  const parentPath = parentOf(path);
  if (parentPath === undefined || path.includes('\0') || isBuiltIn(path))
    return refuse(ERROR.badArguments);
  const parent = tree.find(parentPath);
  if (parent === undefined) return refuse(ERROR.noNode);
  if (!permits(parent.acl, PERMISSION.delete, caller.identities)) return refuse(ERROR.noAuth);
  const node = tree.find(path);
  if (node === undefined) return refuse(ERROR.noNode);
  if (!isVersion(node.version, version)) return refuse(ERROR.badVersion);
  if (childCount(node) > 0) return refuse(ERROR.notEmpty);
  return { ok: true, change: { kind: 'delete', path } };
}

function decideSetData(
  tree: Tree,
  { path, data, version }: Extract<WriteRequest, { kind: 'set-data' }>,
  caller: Caller,
): Decision {
  if (!isValidPath(path)) return refuse(ERROR.badArguments);
  const node = tree.find(path);
  if (node === undefined) return refuse(ERROR.noNode);
  if (!permits(node.acl, PERMISSION.write, caller.identities)) return refuse(ERROR.noAuth);
  if (!isVersion(node.version, version)) return refuse(ERROR.badVersion);
  return { ok: true, change: { kind: 'set-data', path, data } };
}

function decideSetAcl(
  tree: Tree,
  { path, acl, version }: Extract<WriteRequest, { kind: 'set-acl' }>,
  caller: Caller,
): Decision {
  if (!isValidPath(path)) return refuse(ERROR.badArguments);
  const settled = settleAcl(acl, caller.identities);
  if (settled === undefined) return refuse(ERROR.invalidAcl);
  const node = tree.find(path);
  if (node === undefined) return refuse(ERROR.noNode);
  if (!permits(node.acl, PERMISSION.admin, caller.identities)) return refuse(ERROR.noAuth);
  if (!isVersion(node.aversion, version)) return refuse(ERROR.badVersion);
  return { ok: true, change: { kind: 'set-acl', path, acl: settled } };
}

function decideCheck(
  tree: Tree,
  { path, version }: Extract<WriteRequest, { kind: 'check' }>,
  caller: Caller,
): Decision {
  if (!isValidPath(path)) return refuse(ERROR.badArguments);
  const node = tree.find(path);
  if (node === undefined) return refuse(ERROR.noNode);
  if (!permits(node.acl, PERMISSION.read, caller.identities)) return refuse(ERROR.noAuth);
  return isVersion(node.version, version) ? NO_CHANGE : refuse(ERROR.badVersion);
}

/** What the end of a session does: its ephemeral nodes go with it, at one zxid. */
export function decideClose(tree: Tree, sessionId: bigint): readonly Change[] {
  const gone = [...tree.ownedBy(sessionId)].map((path): Change => ({ kind: 'delete', path }));
  return [...gone, { kind: 'close-session', sessionId }];
}

/**
 * Which containers and TTL nodes have had their time: a leaf that once had a child, and a leaf that was not written for its
 * TTL. A container that never had a child stays: who made it may be about to create one.
 */
export function decideReaping(tree: Tree, nowMs: number): readonly string[] {
  return [...tree.mortal].filter(path => {
    const node = tree.find(path);
    if (node === undefined || childCount(node) > 0) return false;
    return node.life === 'container' ? node.creates !== 0 : nowMs - node.mtimeMs > node.ttlMs;
  });
}

const childCount = (node: Znode): number => node.children?.size ?? 0;

const isVersion = (is: number, wanted: number): boolean => wanted === -1 || wanted === is;
