import type { Stat, ZnodePath } from './api.ts';
import type { MirrorChange, MirrorNode } from './mirror-api.ts';
import { nameOf, parentOf } from './path.ts';

/**
 * The copy itself: pure, no I/O. Every path string exists once, shared between a node, the index of nodes and its
 * parent's set of children; a child may be known before its parent is.
 */
export interface MirrorTree {
  readonly size: number;
  get(path: ZnodePath): MirrorNode | undefined;
  paths(): Iterable<ZnodePath>;
  childPaths(path: ZnodePath): ReadonlySet<ZnodePath>;
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
  readonly paths: Set<ZnodePath>;
  nameBytes: number;
}

/** Reply header, count and stat of a getChildren2 answer. */
const LIST_OVERHEAD_BYTES = 16 + 4 + 68;
const NO_PATHS: ReadonlySet<ZnodePath> = new Set();

export function mirrorTree(options: { readonly keepData: boolean }): MirrorTree {
  const nodes = new Map<ZnodePath, MirrorNode>();
  const directories = new Map<ZnodePath, Directory>();

  // Nodes come directory by directory: one string for a parent, hashed once, instead of one for each child.
  let lastParent: ZnodePath = '/';
  const sharedParentOf = (path: ZnodePath): ZnodePath => {
    const slash = path.lastIndexOf('/');
    if (slash !== lastParent.length || !path.startsWith(lastParent)) lastParent = parentOf(path);
    return lastParent;
  };

  const adopt = (path: ZnodePath): void => {
    if (path === '/') return;
    const parent = sharedParentOf(path);
    let directory = directories.get(parent);
    if (directory === undefined)
      directories.set(parent, (directory = { paths: new Set(), nameBytes: 0 }));
    if (directory.paths.has(path)) return;
    directory.paths.add(path);
    directory.nameBytes += listItemBytes(path);
  };

  const disown = (path: ZnodePath): void => {
    const parent = parentOf(path);
    const directory = directories.get(parent);
    if (directory?.paths.delete(path) !== true) return;
    directory.nameBytes -= listItemBytes(path);
    if (directory.paths.size === 0) directories.delete(parent);
  };

  const store = (node: MirrorNode): void => void nodes.set(node.path, node);

  /** Takes `path` and what is below it out, deepest first, sparing (with all below) what `spare` holds. */
  const take = (
    path: ZnodePath,
    spare: (node: MirrorNode) => boolean,
    gone: (node: MirrorNode) => void,
  ): void => {
    for (const child of [...(directories.get(path)?.paths ?? NO_PATHS)]) take(child, spare, gone);
    const node = nodes.get(path);
    if (node === undefined || spare(node)) return;
    nodes.delete(path);
    disown(path);
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

    const put: TreeEdit['put'] = (path, stat, data) => {
      const known = nodes.get(path);
      if (known !== undefined && isOlder(stat, known)) return;
      const same = known?.czxid === stat.czxid ? known : undefined;
      if (same?.mzxid === stat.mzxid) return setPzxid(same, stat.pzxid, deletionsOf(stat));
      if (known !== undefined && same === undefined) {
        const ofNewNode = (node: MirrorNode): boolean => node.czxid > stat.czxid;
        take(path, ofNewNode, node => made.push({ kind: 'gone', node, zxid: stat.czxid }));
      }
      const key = known?.path ?? path;
      const node = nodeFrom(key, stat, options.keepData ? ownBytes(data) : undefined, same);
      store(node);
      made.push({ kind: 'put', node, data, previous: same });
      if (same !== undefined) return;
      adopt(key);
      const parent = sharedParentOf(key);
      grown.add(parent);
      // The create moved the parent's pzxid to at least this: the directory's index is known without a read of its own.
      const parentNode = nodes.get(parent);
      if (parentNode !== undefined && stat.czxid > parentNode.pzxid)
        setPzxid(parentNode, stat.czxid);
    };

    return {
      put,
      remove: (path, zxid, unread = false) =>
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
        ),
      moved: (path, stat) => {
        const known = nodes.get(path);
        if (known?.czxid === stat.czxid) setPzxid(known, stat.pzxid, deletionsOf(stat));
      },
      changes: () => {
        for (const path of movedDirectories) {
          const node = nodes.get(path);
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
      return nodes.size;
    },
    get: path => nodes.get(path),
    paths: () => nodes.keys(),
    childPaths: path => directories.get(path)?.paths ?? NO_PATHS,
    children: path => [...(directories.get(path)?.paths ?? NO_PATHS)].map(nameOf).sort(),
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
