import { setMaxListeners } from 'node:events';
import { deferred } from '../kernel/abort.ts';
import { lane } from '../kernel/lane.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { Stat, ZnodePath } from './api.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { childOf } from './mirror-paths.ts';
import { GONE, type Need, NODE } from './mirror-pending.ts';
import type { NodePlace } from './mirror-node.ts';
import type { Found, ReadItem, ReadNode } from './mirror-reads.ts';
import { listAnswerBytes } from './mirror-settle.ts';
import type { WatchStrategy } from './mirror-strategy.ts';
import { placeOf, type TreeEdit } from './mirror-tree.ts';
import { parentOf } from './path.ts';

/** Reads asked for and not yet applied. */
const WINDOW = 4;
/** Most changes of one batch: what listeners make of it should take a few milliseconds. */
const SLICE = 250;
/**
 * Of nodes that wait, so many reads are kept back before lists go on: the server makes lists while nodes are taken in here, so that
 * neither waits for the other.
 */
const ENOUGH_READS = 4;
/** Most names in the lists of one read: they are looked at in one go. */
const READ_NAMES = 4000;

export type ScanReason = 'cold' | 'resync';

/** What must still be asked before W may move on. */
export interface Unsettled {
  readonly path: ZnodePath;
  readonly need: Need;
}

/** What differs from the copy. */
type Difference =
  | ReadNode
  | { readonly kind: 'new'; readonly place: NodePlace; readonly answer: ReadNode }
  /** A list came with a stat of its own: a child may have come and gone since the node was read, and before its list was. */
  | { readonly kind: 'moved'; readonly path: ZnodePath; readonly stat: Stat }
  | { readonly kind: 'gone'; readonly path: ZnodePath; readonly zxid: bigint };

/**
 * Reads the whole of every subtree, breadth first, several reads at once, with the watches in place.
 *
 * `cold`: what was read is delivered as it comes, every list is read. `resync`: every known node is read, only directories whose
 * pzxid moved are listed, the copy stays as it is until all was read; then the differences are delivered, all of them, also when
 * the connection goes meanwhile. In both, deletions are seen by reading the known nodes themselves; a change after a path was read
 * is announced by an event, which waits until the scan is over. Returns what a `resync` leaves open.
 *
 * @throws what ended it (the signal's reason, a connection's failure) when not all could be read.
 */
export async function scan(
  parts: MirrorParts,
  strategy: WatchStrategy,
  reason: ScanReason,
  signal: AbortSignal,
): Promise<readonly Unsettled[]> {
  const work = scanWork(parts, strategy);
  const unsettled: Unsettled[] = [];
  const differences: Difference[] = [];
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  setMaxListeners(0, either);
  const applying = lane();
  const flights = new Set<Promise<void>>();
  const done = deferred<void>();

  const take = async (items: readonly ScanItem[], found: readonly Found[]): Promise<void> => {
    either.throwIfAborted();
    const news: Difference[] = [];
    items.forEach((item, index) => {
      const one = found[index];
      const difference = one && observe(parts, strategy, work, item, one, reason);
      if (difference !== undefined) news.push(difference);
    });
    if (reason === 'cold') return apply(parts, news, reason);
    for (const one of news) differences.push(one);
    for (const one of found) unsettled.push(...leftOpen(parts, one));
  };

  const fly = async (items: readonly ScanItem[]): Promise<void> => {
    const found = await strategy.read(items, either);
    parts.sizes.learn(found);
    await applying(() => take(items, found));
  };

  const advance = (): void => {
    while (flights.size < WINDOW) {
      const items = work.take();
      if (items.length === 0) break;
      const flight = fly(items)
        .finally(() => flights.delete(flight))
        .then(advance, done.reject);
      flights.add(flight);
    }
    if (flights.size === 0) done.resolve();
  };

  try {
    advance();
    await done.promise;
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled(flights);
    throw error;
  }
  if (reason === 'resync') await apply(parts, differences, reason);
  return unsettled;
}

/** A node to be read, as its directory's list named it. */
class Listed {
  readonly kind = 'data';
  readonly parent: ZnodePath;
  readonly name: string;
  /** Nothing of its directory was known: it is not in the tree. */
  readonly isNew: boolean;

  constructor(parent: ZnodePath, name: string, isNew: boolean) {
    this.parent = parent;
    this.name = name;
    this.isNew = isNew;
  }

  get path(): ZnodePath {
    return childOf(this.parent, this.name);
  }
}

type ScanItem = Listed | Extract<ReadItem, { readonly kind: 'children' }>;

/** Names of one directory that are still to be read. */
interface Names {
  readonly parent: ZnodePath;
  readonly names: readonly string[];
  readonly isNew: boolean;
}

/** What is still to be read, and what was asked for already. */
interface ScanWork {
  /** A list names these nodes. */
  addChildren(parent: ZnodePath, names: readonly string[]): void;
  addList(path: ZnodePath, children: number): void;
  /** It was not there when it was read: a list that names it later asks for it again. */
  wasMissing(path: ZnodePath): void;
  /** As many items as one read should have; empty when there is nothing to read now. */
  take(): readonly ScanItem[];
}

function scanWork(parts: MirrorParts, strategy: WatchStrategy): ScanWork {
  const { tree, sizes, batchBytes } = parts;
  const lists: { readonly path: ZnodePath; readonly children: number }[] = [];
  // What the tree has when its list is read was known before the scan, and is asked for from the beginning: no index of 100 000
  // paths is needed beside the tree's own.
  const unknown = [...parts.roots, ...parts.trust.untrusted.keys()].filter(
    path => tree.get(path) === undefined,
  );
  const asked = new Set<ZnodePath>(unknown);
  const missing = new Set<ZnodePath>();
  /** Directories of what was asked for although no list named it: their lists must not ask for it once more. */
  const askedIn = new Set<ZnodePath>(unknown.map(parentOf));
  const nodes: Names[] = [];
  let waiting = 0;
  let namesAt = 0;
  let nodeAt = 0;
  let listAt = 0;

  const wait = (of: Names): void => {
    nodes.push(of);
    waiting += of.names.length;
  };
  for (const path of unknown) {
    const { parent, name } = placeOf(path);
    wait({ parent, names: [name], isNew: false });
  }
  for (const { path, names } of tree.listings()) wait({ parent: path, names, isNew: false });

  /** Those of a directory of which something is known, or was asked for already. */
  const unasked = (parent: ZnodePath, names: readonly string[]): readonly string[] =>
    names.filter(name => {
      const path = childOf(parent, name);
      const wasAsked = tree.get(path) !== undefined || asked.has(path);
      return !wasAsked || missing.delete(path);
    });

  return {
    addChildren(parent, names) {
      const isNew = !askedIn.has(parent) && tree.isEmpty(parent);
      wait({ parent, names: isNew ? names : unasked(parent, names), isNew });
    },
    addList: (path, children) => void lists.push({ path, children }),
    wasMissing(path) {
      missing.add(path);
      askedIn.add(parentOf(path));
    },
    take() {
      const items: ScanItem[] = [];
      let bytes = 0;
      let names = 0;
      const fits = (pathBytes: number, answerBytes: number): boolean => {
        bytes += pathBytes + answerBytes;
        if (items.length === 0) return true;
        return items.length < strategy.readItems && bytes <= batchBytes && names <= READ_NAMES;
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
          for (let name = of.names[nodeAt]; name !== undefined; name = of.names[nodeAt]) {
            if (!fits(of.parent.length + 1 + name.length, nodeBytes)) return;
            items.push(new Listed(of.parent, name, of.isNew));
            nodeAt += 1;
            waiting -= 1;
          }
          namesAt += 1;
          nodeAt = 0;
        }
      };
      if (waiting >= ENOUGH_READS * strategy.readItems || addLists()) addNodes();
      return items;
    },
  };
}

/** Adds what must be read next; returns what differs from the copy. */
function observe(
  parts: MirrorParts,
  strategy: WatchStrategy,
  work: ScanWork,
  item: ScanItem,
  found: Found,
  reason: ScanReason,
): Difference | undefined {
  const { tree, trust } = parts;
  switch (found.kind) {
    case 'data': {
      const isNew = item.kind === 'data' && item.isNew;
      // A copy that was never complete may have a directory's pzxid without its list.
      const known = reason === 'cold' || isNew ? undefined : tree.get(found.path);
      const { stat } = found;
      const moved = known?.czxid !== stat.czxid || known.pzxid !== stat.pzxid;
      const unsure = reason === 'cold' || moved || trust.isUnlisted(found.path);
      trust.wasRead(found);
      if (strategy.wantsList(found, unsure)) work.addList(found.path, stat.numChildren);
      if (isNew) return { kind: 'new', place: item, answer: found };
      return moved || known.mzxid !== stat.mzxid ? found : undefined;
    }
    case 'children': {
      const { path, names } = found;
      trust.wasListed(path);
      parts.delivery.listSize(listAnswerBytes(names));
      work.addChildren(path, names);
      return found.stat === undefined ? undefined : { kind: 'moved', path, stat: found.stat };
    }
    case 'missing': {
      const { path } = found;
      work.wasMissing(path);
      trust.isGone(path);
      if (tree.get(path) !== undefined) return { kind: 'gone', path, zxid: parts.lastZxid() };
      return undefined;
    }
    case 'failed':
      if (item.kind === 'children') trust.listFailed(found.path, found.error);
      else trust.readFailed(found.path, found.error);
      return undefined;
    case 'stat':
      return undefined;
    default:
      return found satisfies never;
  }
}

/**
 * What one read leaves open. A list without a stat is of another moment than the stat that was read of its directory: what came or
 * went between the two is told by a stat that is read once more. So is what came and went before it could be read.
 */
function leftOpen({ tree, roots }: MirrorParts, found: Found): readonly Unsettled[] {
  if (found.kind === 'children')
    return found.stat === undefined ? [{ path: found.path, need: NODE }] : [];
  if (found.kind !== 'missing') return [];
  const { path } = found;
  return tree.get(path) !== undefined || roots.has(path) ? [] : [{ path, need: GONE }];
}

async function apply(
  parts: MirrorParts,
  differences: readonly Difference[],
  reason: ScanReason,
): Promise<void> {
  for (let at = 0; at < differences.length && !parts.isClosed(); at += SLICE) {
    const edit = parts.tree.edit();
    for (const one of differences.slice(at, at + SLICE)) applyOne(edit, one);
    parts.delivery.deliver(edit, {
      reason,
      watermarkBefore: parts.mark.value(),
      eventAtMs: undefined,
    });
    if (reason === 'cold' || at + SLICE < differences.length)
      await new Promise<void>(resolve => void nextTurn(resolve));
  }
}

function applyOne(edit: TreeEdit, difference: Difference): void {
  switch (difference.kind) {
    case 'data':
      return edit.put(difference.path, difference.stat, difference.data);
    case 'new':
      return edit.add(difference.place, difference.answer);
    case 'moved':
      return edit.moved(difference.path, difference.stat);
    case 'gone':
      return edit.remove(difference.path, difference.zxid);
    default:
      return difference satisfies never;
  }
}
