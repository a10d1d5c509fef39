import { setMaxListeners } from 'node:events';
import { deferred } from '../kernel/abort.ts';
import { lane } from '../kernel/lane.ts';
import { turn } from '../kernel/turn.ts';
import type { Siblings, Stat, ZnodePath } from './api.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { GONE, type Need, NODE } from './mirror-pending.ts';
import type { Found, FoundSiblings, ReadItem, ReadNode } from './mirror-reads.ts';
import { listAnswerBytes } from './mirror-settle.ts';
import type { WatchStrategy } from './mirror-strategy.ts';
import { type ScanItem, type ScanWork, scanWork } from './mirror-scan-work.ts';
import type { TreeEdit } from './mirror-tree.ts';
import type { Regaining } from './mirror-trust.ts';

/** Reads asked for and not yet applied. */
const WINDOW = 4;
/** A batch is full with so many nodes: what listeners make of it should take a few milliseconds. */
const SLICE = 250;

export type ScanReason = 'cold' | 'resync';

/** What must still be asked before W may move on. */
export interface Unsettled {
  readonly path: ZnodePath;
  readonly need: Need;
}

/** What differs from the copy. */
type Difference =
  | ReadNode
  | { readonly kind: 'siblings'; readonly path: ZnodePath; readonly run: Siblings }
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
  const regaining = parts.trust.regaining();
  const trusting = reason === 'cold' ? parts.trust : regaining;
  const unsettled: Unsettled[] = [];
  const differences: Difference[] = [];
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  setMaxListeners(0, either);
  const applying = lane();
  const flights = new Set<Promise<void>>();
  const done = deferred<void>();

  const differs = (edit: TreeEdit, difference: Difference): void => {
    if (reason === 'cold') applyOne(edit, difference);
    else differences.push(difference);
  };

  const takeOne = (edit: TreeEdit, one: Found, asked: ScanItem['kind']): void => {
    const difference = observe(parts, strategy, work, one, asked, reason, trusting);
    if (difference !== undefined) differs(edit, difference);
    if (reason === 'resync') unsettled.push(...leftOpen(parts, one));
  };

  const takeSiblings = (edit: TreeEdit, { path, runs, others }: FoundSiblings): void => {
    for (const run of runs) {
      if (!parts.trust.isClear) for (const node of run.nodes) trusting.wasRead(node);
      for (const parent of run.parents)
        if (strategy.wantsList(parent, true)) work.addList(parent.path, parent.numChildren);
      if (run.nodes.length > 0) differs(edit, { kind: 'siblings', path, run });
    }
    for (const other of others) takeOne(edit, other, 'data');
  };

  const take = async (
    items: readonly ScanItem[],
    found: readonly (Found | FoundSiblings)[],
  ): Promise<void> => {
    either.throwIfAborted();
    const edit = parts.tree.edit();
    for (const [index, one] of found.entries()) {
      if (one.kind === 'siblings') takeSiblings(edit, one);
      else takeOne(edit, one, items[index]?.kind ?? 'data');
    }
    if (reason === 'cold') return deliver(parts, edit, reason);
  };

  const fly = async (items: readonly ScanItem[]): Promise<void> => {
    const found = await read(items);
    parts.sizes.learn(found);
    await applying(() => take(items, found));
  };

  const read = (items: readonly ScanItem[]): Promise<readonly (Found | FoundSiblings)[]> =>
    strategy.readSiblings === undefined
      ? strategy.read(items as readonly ReadItem[], either)
      : strategy.readSiblings(items, either);

  const advance = (): void => {
    while (flights.size < WINDOW) {
      const items = work.take(flights.size === 0);
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
  if (reason === 'resync') {
    await apply(parts, differences);
    regaining.delivered();
  }
  return unsettled;
}

/** Adds what must be read next; returns what differs from the copy. */
function observe(
  parts: MirrorParts,
  strategy: WatchStrategy,
  work: ScanWork,
  found: Found,
  asked: ScanItem['kind'],
  reason: ScanReason,
  trusting: Pick<Regaining, 'wasRead' | 'wasListed' | 'isGone'>,
): Difference | undefined {
  const { tree, trust } = parts;
  switch (found.kind) {
    case 'data': {
      // A copy that was never complete may have a directory's pzxid without its list.
      const known = reason === 'cold' ? undefined : tree.get(found.path);
      const { stat } = found;
      const moved = known?.czxid !== stat.czxid || known.pzxid !== stat.pzxid;
      const unsure = reason === 'cold' || moved || trust.isUnlisted(found.path);
      trusting.wasRead(found);
      if (strategy.wantsList(found, unsure)) work.addList(found.path, stat.numChildren);
      return moved || known.mzxid !== stat.mzxid ? found : undefined;
    }
    case 'children': {
      const { path, names } = found;
      trusting.wasListed(path);
      parts.delivery.listSize(listAnswerBytes(names));
      work.addChildren(path, names);
      return found.stat === undefined ? undefined : { kind: 'moved', path, stat: found.stat };
    }
    case 'missing': {
      const { path } = found;
      work.wasMissing(path);
      trusting.isGone(path);
      if (tree.get(path) !== undefined) return { kind: 'gone', path, zxid: parts.lastZxid() };
      return undefined;
    }
    case 'failed':
      if (asked === 'children') trust.listFailed(found.path, found.error);
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

async function apply(parts: MirrorParts, differences: readonly Difference[]): Promise<void> {
  for (let at = 0; at < differences.length && !parts.isClosed(); ) {
    const edit = parts.tree.edit();
    let nodes = 0;
    for (let one = differences[at]; one !== undefined && nodes < SLICE; one = differences[at]) {
      applyOne(edit, one);
      nodes += one.kind === 'siblings' ? one.run.nodes.length : 1;
      at += 1;
    }
    const told = deliver(parts, edit, 'resync');
    if (at < differences.length) await told;
  }
}

/** Tells of it at once; resolves in the next turn of the event loop, so that what is waiting there comes in between. */
function deliver(parts: MirrorParts, edit: TreeEdit, reason: ScanReason): Promise<void> {
  if (!parts.isClosed())
    parts.delivery.deliver(edit, {
      reason,
      watermarkBefore: parts.mark.value(),
      eventAtMs: undefined,
    });
  return turn();
}

function applyOne(edit: TreeEdit, difference: Difference): void {
  switch (difference.kind) {
    case 'data':
      return edit.put(difference.path, difference.stat, difference.data);
    case 'siblings':
      return edit.fill(difference.path, difference.run);
    case 'moved':
      return edit.moved(difference.path, difference.stat);
    case 'gone':
      return edit.remove(difference.path, difference.zxid);
    default:
      return difference satisfies never;
  }
}
