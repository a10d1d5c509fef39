import { setMaxListeners } from 'node:events';
import { deferred } from '../kernel/abort.ts';
import { lane } from '../kernel/lane.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { Stat, ZnodePath } from './api.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { childOf } from './mirror-paths.ts';
import { GONE, type Need, NODE } from './mirror-pending.ts';
import type { Found, ReadItem } from './mirror-reads.ts';
import { listAnswerBytes } from './mirror-settle.ts';
import type { WatchStrategy } from './mirror-strategy.ts';
import type { TreeEdit } from './mirror-tree.ts';

/** Reads asked for and not yet applied. */
const WINDOW = 4;
/** Most changes of one batch: what listeners make of it should take a few milliseconds. */
const SLICE = 250;
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
  | { readonly kind: 'node'; readonly path: ZnodePath; readonly stat: Stat; readonly data: Buffer }
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

  const take = async (items: readonly ReadItem[], found: readonly Found[]): Promise<void> => {
    either.throwIfAborted();
    const news = found.flatMap(
      (one, index) => observe(parts, strategy, work, items[index]?.kind, one, reason) ?? [],
    );
    if (reason === 'cold') return apply(parts, news, reason);
    for (const one of news) differences.push(one);
    for (const one of found) unsettled.push(...leftOpen(parts, one));
  };

  const fly = async (items: readonly ReadItem[]): Promise<void> => {
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

/** What is still to be read, and what was asked for already. */
interface ScanWork {
  /** A list names this node. */
  addChild(path: ZnodePath): void;
  addList(path: ZnodePath, children: number): void;
  /** It was not there when it was read: a list that names it later asks for it again. */
  wasMissing(path: ZnodePath): void;
  /** As many items as one read should have; empty when there is nothing to read now. */
  take(): readonly ReadItem[];
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
  const nodes: ZnodePath[] = [...asked, ...tree.paths()];
  let nodeAt = 0;
  let listAt = 0;

  return {
    addChild(path) {
      const wasAsked = tree.get(path) !== undefined || asked.has(path);
      if (!wasAsked || missing.delete(path)) nodes.push(path);
    },
    addList: (path, children) => void lists.push({ path, children }),
    wasMissing: path => void missing.add(path),
    take() {
      const items: ReadItem[] = [];
      let bytes = 0;
      let names = 0;
      const fits = (path: ZnodePath, answerBytes: number): boolean => {
        bytes += path.length + answerBytes;
        if (items.length === 0) return true;
        return items.length < strategy.readItems && bytes <= batchBytes && names <= READ_NAMES;
      };
      for (let list = lists[listAt]; list !== undefined; list = lists[listAt]) {
        names += list.children;
        if (!fits(list.path, sizes.listBytes(list.children))) return items;
        items.push({ kind: 'list', path: list.path });
        listAt += 1;
      }
      const nodeBytes = sizes.nodeBytes();
      for (let path = nodes[nodeAt]; path !== undefined; path = nodes[nodeAt]) {
        if (!fits(path, nodeBytes)) return items;
        items.push({ kind: 'node', path });
        nodeAt += 1;
      }
      return items;
    },
  };
}

/** Adds what must be read next; returns what differs from the copy. */
function observe(
  parts: MirrorParts,
  strategy: WatchStrategy,
  work: ScanWork,
  asked: ReadItem['kind'] | undefined,
  found: Found,
  reason: ScanReason,
): Difference | undefined {
  const { tree, trust } = parts;
  const { path } = found;
  switch (found.kind) {
    case 'node': {
      const known = reason === 'cold' ? undefined : tree.get(path);
      const moved = known?.czxid !== found.stat.czxid || known.pzxid !== found.stat.pzxid;
      // A copy that was never complete may have a directory's pzxid without its list.
      const unsure = reason === 'cold' || moved || trust.isUnlisted(path);
      trust.wasRead(path, found.stat.numChildren > 0);
      if (strategy.wantsList(path, found.stat, unsure)) work.addList(path, found.stat.numChildren);
      return moved || known.mzxid !== found.stat.mzxid ? found : undefined;
    }
    case 'list':
      trust.wasListed(path);
      parts.delivery.listSize(listAnswerBytes(found.names));
      for (const name of found.names) work.addChild(childOf(path, name));
      return found.stat === undefined ? undefined : { kind: 'moved', path, stat: found.stat };
    case 'missing':
      work.wasMissing(path);
      trust.isGone(path);
      if (tree.get(path) !== undefined) return { kind: 'gone', path, zxid: parts.lastZxid() };
      return undefined;
    case 'failed':
      if (asked === 'list') trust.listFailed(path, found.error);
      else trust.readFailed(path, found.error);
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
function leftOpen(
  { tree, roots }: MirrorParts,
  { kind, path, ...found }: Found,
): readonly Unsettled[] {
  if (kind === 'list')
    return 'stat' in found && found.stat === undefined ? [{ path, need: NODE }] : [];
  if (kind !== 'missing' || tree.get(path) !== undefined || roots.has(path)) return [];
  return [{ path, need: GONE }];
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
    case 'node':
      return edit.put(difference.path, difference.stat, difference.data);
    case 'moved':
      return edit.moved(difference.path, difference.stat);
    case 'gone':
      return edit.remove(difference.path, difference.zxid);
    default:
      return difference satisfies never;
  }
}
