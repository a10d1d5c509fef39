import type { ZnodePath } from './api.ts';
import type { MirrorNode } from './mirror-api.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { childOf } from './mirror-paths.ts';
import { GONE, LIST, NODE, type Note, WHOLE } from './mirror-pending.ts';
import type { Found, ReadItem } from './mirror-reads.ts';
import type { WatchStrategy } from './mirror-strategy.ts';
import type { TreeEdit } from './mirror-tree.ts';
import { nameOf, parentOf } from './path.ts';

/** What must be read to settle these notes, each thing once. A node comes before its list: its pzxid is then not newer. */
export function readsFor(
  notes: readonly Note[],
  goneBy: WatchStrategy['goneBy'],
): readonly ReadItem[] {
  const items = new Map<string, ReadItem>();
  const add = (item: ReadItem): void => void items.set(keyOf(item), item);
  for (const { path, need } of notes) {
    if (need.gone) add({ kind: goneBy, path: parentOf(path) });
    if (need.node) add({ kind: 'data', path });
    if (need.list) add({ kind: 'children', path });
  }
  return [...items.values()];
}

function keyOf(item: Pick<ReadItem, 'kind' | 'path'>): string {
  return `${item.kind} ${item.path}`;
}

/**
 * Applies what was read for `notes` to the tree and ends the notes, or turns them into what must be read next. Notes keep their
 * mark until the change that they stand for has been applied; children found in a list inherit the mark of that list's note.
 */
export function settle(
  parts: MirrorParts,
  strategy: WatchStrategy,
  notes: readonly Note[],
  items: readonly ReadItem[],
  found: readonly Found[],
  edit: TreeEdit,
): void {
  const { tree, trust, pending, roots } = parts;
  const answers = new Map(items.map((item, index) => [keyOf(item), found[index]]));
  const lists = new Map<ZnodePath, ReadonlySet<string>>();
  /** Of all notes that a list may have been read for. */
  const oldestMark = notes.reduce(
    (oldest, { mark }) => (mark < oldest ? mark : oldest),
    notes[0]?.mark ?? 0n,
  );

  const left = (note: Note, zxid: bigint): void => {
    edit.remove(note.path, zxid, note.dataChanged);
    trust.isGone(note.path);
    pending.finish(note);
  };

  const missing = (note: Note): void => {
    if (roots.has(note.path)) left(note, parts.lastZxid());
    else pending.putBack(note, GONE);
  };

  /** The list of a directory, applied once; the names in it. */
  const listed = (
    answer: Found & { readonly kind: 'children' },
    note: Note,
  ): ReadonlySet<string> => {
    const { path, stat } = answer;
    const known = lists.get(path);
    if (known !== undefined) return known;
    const names = new Set(answer.names);
    lists.set(path, names);
    parts.delivery.listSize(listAnswerBytes(answer.names));
    trust.isBeingFilled(path, oldestMark);
    for (const child of tree.childPaths(path)) {
      if (!names.has(nameOf(child)))
        edit.remove(child, stat?.pzxid ?? parts.lastZxid(), pending.dataChanged(child));
    }
    if (stat !== undefined) edit.moved(path, stat);
    for (const name of names) {
      const child = childOf(path, name);
      if (tree.get(child) !== undefined) continue;
      if (pending.has(child)) pending.lower(child, oldestMark);
      else
        pending.note({
          ...note,
          path: child,
          mark: oldestMark,
          dataChanged: false,
          need: note.need.deep ? WHOLE : NODE,
        });
    }
    return names;
  };

  const settleGone = (note: Note): void => {
    const parent = parentOf(note.path);
    const answer = answers.get(keyOf({ kind: strategy.goneBy, path: parent }));
    // Until that is known of the parent, nobody can tell from it that something may have come and gone here: W waits.
    if (!roots.has(note.path) && isOther(tree.get(parent), answer))
      pending.note({ ...note, path: parent, need: NODE });
    if (answer?.kind === 'stat') {
      // It was made again meanwhile: its next read tells of both, in one batch.
      if (pending.arrived(note.path)?.node === true) pending.putBack(note, NODE);
      else left(note, answer.stat.pzxid);
      edit.moved(parent, answer.stat);
    } else if (answer?.kind === 'children') {
      if (listed(answer, note).has(nameOf(note.path))) pending.putBack(note, NODE);
      else left(note, answer.stat?.pzxid ?? parts.lastZxid());
    } else {
      if (answer?.kind === 'failed' && strategy.goneBy === 'children')
        trust.listFailed(parent, answer.error);
      left(note, parts.lastZxid());
    }
  };

  const settleList = (note: Note): void => {
    const answer = answers.get(keyOf({ kind: 'children', path: note.path }));
    if (answer?.kind === 'missing') return missing(note);
    if (answer?.kind === 'failed') trust.listFailed(note.path, answer.error);
    if (answer?.kind === 'children') listed(answer, note);
    pending.finish(note);
  };

  const settleNode = (note: Note): void => {
    const { path, need } = note;
    // The answer may have been made before the deletion that has come in since: it must not bring the node back.
    if (pending.arrived(path)?.gone === true) return pending.putBack(note);
    const answer = answers.get(keyOf({ kind: 'data', path }));
    if (answer?.kind === 'missing') return missing(note);
    if (answer?.kind !== 'data') {
      if (answer?.kind === 'failed') trust.readFailed(path, answer.error);
      return pending.finish(note);
    }
    edit.put(path, answer.stat, answer.data);
    // What is below a path that could not be read is not known either.
    const deep = need.deep || trust.isUnlisted(path);
    trust.wasRead(answer);
    if (need.list) return settleList(note);
    if (!strategy.wantsList(answer, deep)) return pending.finish(note);
    pending.putBack(note, { ...LIST, deep });
  };

  for (const note of notes) {
    if (note.need.gone) settleGone(note);
    else if (note.need.node) settleNode(note);
    else settleList(note);
  }
}

/** Whether the directory that answered is not the one that is known: it went, or is another one by now. */
function isOther(known: MirrorNode | undefined, answer: Found | undefined): boolean {
  if (answer?.kind === 'missing') return true;
  const stat = answer?.kind === 'stat' || answer?.kind === 'children' ? answer.stat : undefined;
  return stat !== undefined && stat.czxid !== known?.czxid;
}

/** As ZooKeeper encodes the answer to getChildren2. */
export function listAnswerBytes(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + 4 + Buffer.byteLength(name), 16 + 4 + 68);
}
