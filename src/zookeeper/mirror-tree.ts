import type { Stat, ZnodePath } from './api.ts';
import type { MirrorChange, MirrorNode } from './mirror-api.ts';
import { nameOf, parentOf } from './path.ts';

/**
 * The copy itself: pure, no I/O. Every path string exists once, shared between a node and the directory
 * that holds it; a child may be known before its parent is.
 */
export interface MirrorTree {
  readonly size: number;
  get(path: ZnodePath): MirrorNode | undefined;
  paths(): Iterable<ZnodePath>;
  /** Paths of the children that are known, in no order. */
  childPaths(path: ZnodePath): readonly ZnodePath[];
  /** Names, sorted. */
  children(path: ZnodePath): readonly string[];
  /** Size of the answer to `getChildren` on this node, as ZooKeeper encodes it. */
  listBytes(path: ZnodePath): number;
  /** Changes made together, and the list of what they changed. */
  edit(): TreeEdit;
}

export interface TreeEdit {
  /**
   * What a read said of the node. An answer older than what is known is ignored; another czxid is another node: the old one
   * and what was below it go first.
   */
  put(path: ZnodePath, stat: Stat, data: Buffer): void;
  /** The node and all below it are gone, at the latest at `zxid`. `unread`: its last change could not be read any more. */
  remove(path: ZnodePath, zxid: bigint, unread?: boolean): void;
  /** The stat of a directory after one of its children went, or together with its list. */
  moved(path: ZnodePath, stat: Stat): void;
  /** In the order they were made; directories of which only the pzxid (or the count of deletions) moved come last, once each. */
  changes(): readonly MirrorChange[];
  /** Directories that got a new child. */
  readonly grown: ReadonlySet<ZnodePath>;
}

interface Directory {
  readonly path: ZnodePath;
  /** By their whole paths, whose hashes are known after the first use: names would be cut out, and hashed, at each. */
  readonly nodes: Map<ZnodePath, MirrorNode>;
  nameBytes: number;
}

/** Reply header, count and stat of a getChildren2 answer. */
const LIST_OVERHEAD_BYTES = 16 + 4 + 68;

export function mirrorTree(options: { readonly keepData: boolean }): MirrorTree {
  const directories = new Map<ZnodePath, Directory>();
  let size = 0;

  // Nodes come directory by directory: the last one is at hand.
  let last: Directory | undefined;
  const directoryOf = (path: ZnodePath): Directory | undefined => {
    const slash = path.lastIndexOf('/');
    if (last !== undefined && slash === last.path.length && path.startsWith(last.path)) return last;
    const found = directories.get(parentOf(path));
    // A node of the top is not told from its directory by the place of the slash.
    if (slash > 0 && found !== undefined) last = found;
    return found;
  };

  const get = (path: ZnodePath): MirrorNode | undefined => directoryOf(path)?.nodes.get(path);

  const store = (node: MirrorNode): Directory => {
    const { path } = node;
    let directory = directoryOf(path);
    if (directory === undefined) {
      directory = { path: parentOf(path), nodes: new Map(), nameBytes: 0 };
      directories.set(directory.path, directory);
    }
    const { nodes } = directory;
    const before = nodes.size;
    nodes.set(path, node);
    if (nodes.size > before) {
      size += 1;
      directory.nameBytes += listItemBytes(path);
    }
    return directory;
  };

  const drop = (path: ZnodePath): void => {
    const directory = directoryOf(path);
    if (directory?.nodes.delete(path) !== true) return;
    size -= 1;
    directory.nameBytes -= listItemBytes(path);
    if (directory.nodes.size > 0) return;
    directories.delete(directory.path);
    last = undefined;
  };

  /** Of `/` itself, its own parent, nothing is a child of itself. */
  const childPaths = (path: ZnodePath): readonly ZnodePath[] =>
    [...(directories.get(path)?.nodes.keys() ?? [])].filter(child => child !== path);

  /** Takes `path` and what is below it out, deepest first, sparing (with all below) what `spare` holds. */
  const take = (
    path: ZnodePath,
    spare: (node: MirrorNode) => boolean,
    gone: (node: MirrorNode) => void,
  ): void => {
    for (const child of childPaths(path)) take(child, spare, gone);
    const node = get(path);
    if (node === undefined || spare(node)) return;
    drop(path);
    gone(node);
  };

  const edit = (): TreeEdit => {
    const made: MirrorChange[] = [];
    const movedDirectories = new Set<ZnodePath>();
    const grown = new Set<ZnodePath>();

    /** Both only ever grow, as long as it is the same node. */
    const setPzxid = (known: MirrorNode, pzxid: bigint, deletions = 0): void => {
      const newer = newerDirectory(known, pzxid, deletions);
      if (newer.pzxid === known.pzxid && newer.deletions === known.deletions) return;
      store({ ...known, ...newer });
      movedDirectories.add(known.path);
    };

    /** Of the directory that the last new node was in, when its own node is known: the next one is mostly there, too. */
    let raised: { readonly path: ZnodePath; readonly pzxid: bigint } | undefined;

    /** A create moved its directory's pzxid to at least this: the directory's index is known without a read of its own. */
    const raise = (directory: ZnodePath, czxid: bigint): void => {
      if (raised?.path === directory && czxid <= raised.pzxid) return;
      const node = get(directory);
      if (node !== undefined && czxid > node.pzxid) setPzxid(node, czxid);
      raised = get(directory);
    };

    const put: TreeEdit['put'] = (path, stat, data) => {
      if (path === raised?.path) raised = undefined;
      const known = get(path);
      if (known !== undefined && isOlder(stat, known)) return;
      const same = known?.czxid === stat.czxid ? known : undefined;
      if (same?.mzxid === stat.mzxid) return setPzxid(same, stat.pzxid, deletionsOf(stat));
      if (known !== undefined && same === undefined) {
        const ofNewNode = (node: MirrorNode): boolean => node.czxid > stat.czxid;
        take(path, ofNewNode, node => made.push({ kind: 'gone', node, zxid: stat.czxid }));
      }
      const key = known?.path ?? path;
      const node = nodeFrom(key, stat, options.keepData ? ownBytes(data) : undefined, same);
      const { path: parent } = store(node);
      made.push({ kind: 'put', node, data, previous: same });
      if (same !== undefined) return;
      grown.add(parent);
      raise(parent, stat.czxid);
    };

    return {
      put,
      remove: (path, zxid, unread = false) => {
        raised = undefined;
        take(
          path,
          () => false,
          node =>
            made.push({
              kind: 'gone',
              node,
              zxid,
              ...(unread && node.path === path ? { unread: true } : {}),
            }),
        );
      },
      moved: (path, stat) => {
        const known = get(path);
        if (known?.czxid === stat.czxid) setPzxid(known, stat.pzxid, deletionsOf(stat));
      },
      changes: () => {
        for (const path of movedDirectories) {
          const node = get(path);
          if (node !== undefined) made.push({ kind: 'directory', node });
        }
        movedDirectories.clear();
        return made;
      },
      grown,
    };
  };

  return {
    get size() {
      return size;
    },
    get,
    *paths() {
      for (const { nodes } of directories.values()) yield* nodes.keys();
    },
    childPaths,
    children: path => childPaths(path).map(nameOf).sort(),
    listBytes: path => LIST_OVERHEAD_BYTES + (directories.get(path)?.nameBytes ?? 0),
    edit,
  };
}

function listItemBytes(path: ZnodePath): number {
  return 4 + Buffer.byteLength(nameOf(path));
}

function isOlder(stat: Stat, known: MirrorNode): boolean {
  return stat.czxid < known.czxid || (stat.czxid === known.czxid && stat.mzxid < known.mzxid);
}

function nodeFrom(
  path: ZnodePath,
  stat: Stat,
  data: Buffer | undefined,
  known: MirrorNode | undefined,
): MirrorNode {
  const { czxid, mzxid, version, ephemeralOwner, ctimeMs, mtimeMs } = stat;
  let { pzxid } = stat;
  let deletions = deletionsOf(stat);
  if (known !== undefined) ({ pzxid, deletions } = newerDirectory(known, pzxid, deletions));
  return { path, czxid, mzxid, pzxid, version, ephemeralOwner, ctimeMs, mtimeMs, deletions, data };
}

function newerDirectory(
  known: Pick<MirrorNode, 'pzxid' | 'deletions'> | undefined,
  pzxid: bigint,
  deletions: number,
): { readonly pzxid: bigint; readonly deletions: number } {
  const before = known?.deletions ?? 0;
  return {
    pzxid: known !== undefined && known.pzxid > pzxid ? known.pzxid : pzxid,
    deletions: before > deletions ? before : deletions,
  };
}

/** ZooKeeper counts creates and deletes of children together; what is there now was created once more than deleted. */
function deletionsOf({ cversion, numChildren }: Stat): number {
  return (cversion - numChildren) / 2;
}

/** A few bytes of a large answer would keep all of it in memory. */
function ownBytes(data: Buffer): Buffer {
  return data.buffer.byteLength > 2 * data.length + Buffer.poolSize ? Buffer.from(data) : data;
}
