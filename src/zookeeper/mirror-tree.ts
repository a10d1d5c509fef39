import type { SiblingNode, Siblings, Stat, ZnodePath } from './api.ts';
import type { FilledNode, MirrorChange, MirrorNode } from './mirror-api.ts';
import { Directory } from './mirror-directory.ts';
import {
  type KnownNode,
  laterMovement,
  movementOf,
  type NodePlace,
  TreeNode,
} from './mirror-node.ts';
import { bytesOf } from './node-answer.ts';
import { nameOf, parentOf } from './path.ts';

/** The copy itself: pure, no I/O. A child may be known before its parent is. */
export interface MirrorTree {
  readonly size: number;
  get(path: ZnodePath): MirrorNode | undefined;
  /** Directories in which something is known, with the names in it. */
  listings(): Iterable<{ readonly path: ZnodePath; readonly names: readonly string[] }>;
  /** Whether nothing is known in it. */
  isEmpty(directory: ZnodePath): boolean;
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
  /** Nodes of one directory that are known not to be in the tree. */
  fill(directory: ZnodePath, run: Siblings): void;
  /** The node and all below it are gone, at the latest at `zxid`. `unread`: its last change could not be read any more. */
  remove(path: ZnodePath, zxid: bigint, unread?: boolean): void;
  /** The stat of a directory after one of its children went, or together with its list. */
  moved(path: ZnodePath, stat: Stat): void;
  /** In the order they were made; directories of which only the pzxid (or the count of deletions) moved come last, once each. */
  changes(): readonly MirrorChange[];
  /** Directories that got a new child. */
  readonly grown: ReadonlySet<ZnodePath>;
}

/** Reply header, count and stat of a getChildren2 answer. */
const LIST_OVERHEAD_BYTES = 16 + 4 + 68;

export function mirrorTree(options: { readonly keepData: boolean }): MirrorTree {
  const directories = new Map<ZnodePath, Directory>();
  let size = 0;

  // Nodes come directory by directory: the last one is at hand.
  let last: Directory | undefined;
  const directoryAt = (path: ZnodePath): Directory | undefined => {
    if (last?.path !== path) last = directories.get(path) ?? last;
    return last?.path === path ? last : undefined;
  };

  const directoryFor = (path: ZnodePath): Directory => {
    const known = directoryAt(path);
    if (known !== undefined) return known;
    last = new Directory(path);
    directories.set(path, last);
    return last;
  };

  const at = ({ parent, name }: NodePlace): KnownNode | undefined => directoryAt(parent)?.get(name);
  const get = (path: ZnodePath): KnownNode | undefined => at(placeOf(path));

  const store = (node: KnownNode): void => {
    if (directoryFor(node.parent).set(node)) size += 1;
  };

  const drop = (node: KnownNode): void => {
    const directory = directoryAt(node.parent);
    if (directory?.delete(node.name) !== true) return;
    size -= 1;
    if (directory.size > 0) return;
    directories.delete(directory.path);
    last = undefined;
  };

  /** Of `/` itself, its own parent, nothing is a child of itself. */
  const childNodes = (path: ZnodePath): readonly KnownNode[] => {
    const nodes = [...(directories.get(path)?.nodes() ?? [])];
    return path === '/' ? nodes.filter(({ name }) => name !== '') : nodes;
  };

  /** Takes the node and what is below it out, deepest first, sparing (with all below) what `spare` holds. */
  const take = (
    path: ZnodePath,
    spare: (node: MirrorNode) => boolean,
    gone: (node: MirrorNode) => void,
  ): void => {
    for (const child of childNodes(path)) take(child.path, spare, gone);
    const node = get(path);
    if (node === undefined || spare(node)) return;
    drop(node);
    gone(node);
  };

  const edit = (): TreeEdit => {
    const made: MirrorChange[] = [];
    const movedDirectories = new Set<ZnodePath>();
    const grown = new Set<ZnodePath>();

    const setMovement = (known: KnownNode, pzxid: bigint, deletions = 0): KnownNode => {
      const moved = laterMovement(known, pzxid, deletions);
      if (moved.pzxid === known.pzxid && moved.deletions === known.deletions) return known;
      const node = new TreeNode(known, known, moved, known.data);
      store(node);
      movedDirectories.add(known.path);
      return node;
    };

    /** The directory that the last new node was in, with its own node when that is known: the next new one is mostly there, too. */
    let raised: { readonly path: ZnodePath; readonly node: KnownNode | undefined } | undefined;

    /** A create moved its directory's pzxid to at least this: the directory's index is known without a read of its own. */
    const raise = (path: ZnodePath, czxid: bigint): void => {
      if (raised?.path !== path) {
        grown.add(path);
        raised = { path, node: get(path) };
      }
      const { node } = raised;
      if (node !== undefined && czxid > node.pzxid)
        raised = { path, node: setMovement(node, czxid) };
    };

    /** What was remembered of a directory's node is not what is in the tree any more. */
    const forget = (): void => {
      raised = undefined;
    };

    const put: TreeEdit['put'] = (path, stat, data) => {
      if (path === raised?.path) forget();
      const place = placeOf(path);
      const known = at(place);
      if (known !== undefined && isOlder(stat, known)) return;
      const same = known?.czxid === stat.czxid ? known : undefined;
      const { pzxid, deletions } = movementOf(stat);
      if (same?.mzxid === stat.mzxid) return void setMovement(same, pzxid, deletions);
      if (known !== undefined && same === undefined) {
        const ofNewNode = (node: MirrorNode): boolean => node.czxid > stat.czxid;
        take(path, ofNewNode, node => made.push({ kind: 'gone', node, zxid: stat.czxid }));
      }
      const movement =
        same === undefined ? { pzxid, deletions } : laterMovement(same, pzxid, deletions);
      const kept = options.keepData ? ownBytes(data) : undefined;
      const { path: parent } = directoryFor(place.parent);
      const node = new TreeNode(known ?? { parent, name: place.name }, stat, movement, kept);
      store(node);
      made.push({ kind: 'put', node, data, previous: same });
      if (same === undefined) raise(parent, stat.czxid);
    };

    return {
      put,
      fill(directoryPath, { nodes: siblings, czxid, mzxid }) {
        const directory = directoryFor(directoryPath);
        const { path } = directory;
        const nodes = options.keepData ? siblings.map(withData) : siblings;
        directory.append(nodes);
        size += nodes.length;
        made.push({ kind: 'filled', path, nodes, czxid, mzxid });
        forget();
        raise(path, czxid);
      },
      remove: (path, zxid, unread = false) => {
        forget();
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
        if (known?.czxid !== stat.czxid) return;
        forget();
        const { pzxid, deletions } = movementOf(stat);
        setMovement(known, pzxid, deletions);
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
    *listings() {
      for (const directory of directories.values())
        yield { path: directory.path, names: directory.names() };
    },
    isEmpty: path => !directories.has(path),
    childPaths: path => childNodes(path).map(node => node.path),
    children: path =>
      childNodes(path)
        .map(({ name }) => name)
        .sort(),
    listBytes: path => LIST_OVERHEAD_BYTES + (directories.get(path)?.nameBytes ?? 0),
    edit,
  };
}

export function placeOf(path: ZnodePath): NodePlace {
  return { parent: parentOf(path), name: nameOf(path) };
}

function isOlder(stat: Stat, known: MirrorNode): boolean {
  return stat.czxid < known.czxid || (stat.czxid === known.czxid && stat.mzxid < known.mzxid);
}

function withData(node: SiblingNode): KnownNode & FilledNode {
  const data = bytesOf(node.content);
  return Object.assign(new TreeNode(node, node, movementOf(node), data), { data });
}

/** A few bytes of a large answer would keep all of it in memory. */
function ownBytes(data: Buffer): Buffer {
  return data.buffer.byteLength > 2 * data.length + Buffer.poolSize ? Buffer.from(data) : data;
}
