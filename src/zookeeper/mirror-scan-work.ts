import type { ZnodePath } from './api.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { childOf } from './mirror-paths.ts';
import type { ReadItem, SiblingsItem } from './mirror-reads.ts';
import type { WatchStrategy } from './mirror-strategy.ts';
import { placeOf } from './mirror-tree.ts';
import { parentOf } from './path.ts';

/** Most names in the lists of one read: they are looked at in one go. */
const READ_NAMES = 4000;
/** The first reads are an eighth as large, the next ones a quarter, then half: code that has just started takes longer for each item. */
const READS_A_STEP = 4;
const SMALLER_STEPS = 3;

export type ScanItem = ReadItem | SiblingsItem;

/** Names of one directory that are still to be read. */
interface Names {
  readonly parent: ZnodePath;
  readonly names: readonly string[];
  /** Nothing of the directory was known: none of them is in the tree. */
  readonly isNew: boolean;
}

/** What is still to be read, and what was asked for already. */
export interface ScanWork {
  /** A list names these nodes. */
  addChildren(parent: ZnodePath, names: readonly string[]): void;
  addList(path: ZnodePath, children: number): void;
  /** It was not there when it was read: a list that names it later asks for it again. */
  wasMissing(path: ZnodePath): void;
  /**
   * As many items as one read should have; empty when there is nothing to read now.
   *
   * @param isIdle nothing is being read: all that was asked for has been answered.
   */
  take(isIdle: boolean): readonly ScanItem[];
}

export function scanWork(parts: MirrorParts, strategy: WatchStrategy): ScanWork {
  const { tree, sizes, batchBytes } = parts;
  const lists: { readonly path: ZnodePath; readonly children: number }[] = [];
  // What the tree has when its list is read was known before the scan, and is asked for from the beginning: no index of 100 000
  // paths is needed beside the tree's own.
  const asked = new Set<ZnodePath>(
    [...parts.roots, ...parts.trust.untrusted.keys()].filter(path => tree.get(path) === undefined),
  );
  const unknown = [...asked];
  const missing = new Set<ZnodePath>();
  /** Directories of which something was asked for already: their lists must not ask for it once more. */
  const askedIn = new Set<ZnodePath>(unknown.map(parentOf));
  const nodes: Names[] = [];
  /**
   * Listed, and not in the tree, although something of their directory was asked for. They may have been in it: a directory that was
   * made again takes what was below the old one out of the tree, and that may be on its way. Nothing is on its way twice: the
   * second request would not arm a watch that the first is arming, and what both bring would be taken in twice.
   */
  const putOff: Omit<Names, 'isNew'>[] = [];
  let waiting = 0;
  let namesAt = 0;
  let nodeAt = 0;
  let listAt = 0;
  let taken = 0;

  const wait = (of: Names): void => {
    nodes.push(of);
    waiting += of.names.length;
  };
  for (const path of unknown) {
    const { parent, name } = placeOf(path);
    wait({ parent, names: [name], isNew: false });
  }
  for (const { path, names } of tree.listings()) {
    askedIn.add(path);
    wait({ parent: path, names, isNew: false });
  }

  const wasAsked = (path: ZnodePath): boolean =>
    (tree.get(path) !== undefined || asked.has(path)) && !missing.has(path);

  const takeUpPutOff = (): void => {
    for (const { parent, names } of putOff.splice(0)) {
      const unasked = names.filter(name => {
        const path = childOf(parent, name);
        return missing.delete(path) || !wasAsked(path);
      });
      wait({ parent, names: unasked, isNew: false });
    }
  };

  return {
    addChildren(parent, names) {
      const isNew = !askedIn.has(parent) && tree.isEmpty(parent);
      askedIn.add(parent);
      if (isNew) return wait({ parent, names, isNew });
      const unasked = names.filter(name => !wasAsked(childOf(parent, name)));
      if (unasked.length > 0) putOff.push({ parent, names: unasked });
    },
    addList: (path, children) => void lists.push({ path, children }),
    wasMissing(path) {
      missing.add(path);
      askedIn.add(parentOf(path));
    },
    take(isIdle) {
      if (isIdle && waiting === 0 && lists[listAt] === undefined) takeUpPutOff();
      const smaller = 2 ** Math.max(0, SMALLER_STEPS - Math.floor(taken / READS_A_STEP));
      const [mostItems, mostNames] = [strategy.readItems / smaller, READ_NAMES / smaller];
      taken += 1;
      const items: ScanItem[] = [];
      let count = 0;
      let bytes = 0;
      let names = 0;
      const fits = (pathBytes: number, answerBytes: number): boolean => {
        bytes += pathBytes + answerBytes;
        count += 1;
        return count === 1 || (count <= mostItems && bytes <= batchBytes && names <= mostNames);
      };
      const addLists = (): boolean => {
        for (let list = lists[listAt]; list !== undefined; list = lists[listAt]) {
          names += list.children;
          if (!fits(list.path.length, sizes.listBytes(list.children))) return false;
          items.push({ kind: 'children', path: list.path });
          listAt += 1;
        }
        return true;
      };
      const nodeBytes = sizes.nodeBytes();
      const addNodes = (): void => {
        for (let of = nodes[namesAt]; of !== undefined; of = nodes[namesAt]) {
          const { parent: path, names: all, isNew } = of;
          let end = nodeAt;
          for (let name = all[end]; name !== undefined; name = all[end]) {
            if (!fits(path.length + 1 + name.length, nodeBytes)) break;
            end += 1;
          }
          const some = end - nodeAt === all.length ? all : all.slice(nodeAt, end);
          waiting -= some.length;
          if (some.length > 0 && isNew && strategy.readSiblings !== undefined)
            items.push({ kind: 'siblings', path, names: some });
          else for (const name of some) items.push({ kind: 'data', path: childOf(path, name) });
          nodeAt = end;
          if (end < all.length) return;
          namesAt += 1;
          nodeAt = 0;
        }
      };
      if (addLists()) addNodes();
      return items;
    },
  };
}
