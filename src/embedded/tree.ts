import { type Acl, OPEN_ACL } from './acl.ts';
import { BUILT_IN, nameOf, parentOf } from './paths.ts';

/** What ends a node's life by itself: its session, nothing, having had children once, or time. */
export type Life = 'persistent' | 'ephemeral' | 'container' | 'ttl';

export interface Znode {
  /** Null data is not empty data: jute tells them apart, and so do clients. */
  data: Buffer | undefined;
  acl: readonly Acl[];
  readonly life: Life;
  /** 0n unless ephemeral. */
  readonly owner: bigint;
  /** 0 unless `ttl`. */
  readonly ttlMs: number;
  readonly czxid: number;
  readonly ctimeMs: number;
  mzxid: number;
  mtimeMs: number;
  pzxid: number;
  version: number;
  aversion: number;
  /** How many children were created: the next sequence number. What `Stat.cversion` shows is 2 × this − the children there are. */
  creates: number;
  /** Names; undefined while there was never one. */
  children: Set<string> | undefined;
}

/** The znodes by path, and the indexes over them. It holds no rules: see `decide.ts` for what may be done. */
export interface Tree {
  /** Paths including the built-in ones. */
  readonly size: number;
  /** Bytes of paths and data, roughly. */
  readonly bytes: number;
  /** The empty path is the root's, too, as in ZooKeeper. */
  find(path: string): Znode | undefined;
  /** Adds a node that is not there to a parent that is. */
  insert(path: string, node: Znode): void;
  /** Takes a leaf away. */
  remove(path: string): Znode | undefined;
  setData(node: Znode, data: Buffer | undefined): void;
  /** The paths that a session's end takes away. */
  ownedBy(sessionId: bigint): ReadonlySet<string>;
  /** Paths of containers and TTL nodes. */
  readonly mortal: ReadonlySet<string>;
  readonly ephemerals: number;
  entries(): IterableIterator<[string, Znode]>;
}

const NONE: ReadonlySet<string> = new Set();

export function bareNode(over: Partial<Znode> = {}): Znode {
  return {
    data: Buffer.alloc(0),
    acl: OPEN_ACL,
    life: 'persistent',
    owner: 0n,
    ttlMs: 0,
    czxid: 0,
    ctimeMs: 0,
    mzxid: 0,
    mtimeMs: 0,
    pzxid: 0,
    version: 0,
    aversion: 0,
    creates: 0,
    children: undefined,
    ...over,
  };
}

/** The nodes that a fresh ZooKeeper has. */
export function freshTree(): Tree {
  const tree = emptyTree();
  for (const path of BUILT_IN) {
    const config = path === '/zookeeper/config';
    const acl = [{ permissions: 1, scheme: 'world', id: 'anyone' }];
    tree.insert(path, bareNode(config ? { acl, aversion: -1 } : {}));
  }
  return tree;
}

export function emptyTree(): Tree {
  const nodes = new Map<string, Znode>();
  const owned = new Map<bigint, Set<string>>();
  const mortal = new Set<string>();
  let bytes = 0;
  let ephemerals = 0;

  const own = (sessionId: bigint, path: string): void => {
    const paths = owned.get(sessionId);
    if (paths === undefined) owned.set(sessionId, new Set([path]));
    else paths.add(path);
    ephemerals += 1;
  };

  const disown = (sessionId: bigint, path: string): void => {
    const paths = owned.get(sessionId);
    if (paths === undefined) return;
    if (paths.delete(path)) ephemerals -= 1;
    if (paths.size === 0) owned.delete(sessionId);
  };

  return {
    get size() {
      return nodes.size;
    },
    get bytes() {
      return bytes;
    },
    find: path => nodes.get(path === '' ? '/' : path),
    insert(path, node) {
      nodes.set(path, node);
      bytes += path.length + (node.data?.length ?? 0);
      if (node.life === 'ephemeral') own(node.owner, path);
      else if (node.life !== 'persistent') mortal.add(path);
      if (path === '/') return;
      const parent = nodes.get(parentOf(path) ?? '/');
      if (parent !== undefined) (parent.children ??= new Set()).add(nameOf(path));
    },
    remove(path) {
      const node = nodes.get(path);
      if (node === undefined) return undefined;
      nodes.delete(path);
      bytes -= path.length + (node.data?.length ?? 0);
      if (node.life === 'ephemeral') disown(node.owner, path);
      else if (node.life !== 'persistent') mortal.delete(path);
      nodes.get(parentOf(path) ?? '/')?.children?.delete(nameOf(path));
      return node;
    },
    setData(node, data) {
      bytes += (data?.length ?? 0) - (node.data?.length ?? 0);
      node.data = data;
    },
    ownedBy: sessionId => owned.get(sessionId) ?? NONE,
    mortal,
    get ephemerals() {
      return ephemerals;
    },
    entries: () => nodes.entries(),
  };
}
