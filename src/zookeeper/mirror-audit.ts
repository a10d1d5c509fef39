import { hasCode } from '../kernel/errors.ts';
import type { Session, Stat, ZnodePath } from './api.ts';
import type { MirrorNode } from './mirror-api.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { childOf } from './mirror-paths.ts';
import { GONE, type Need, NODE, RELIST, WHOLE } from './mirror-pending.ts';
import { foundInstead } from './mirror-reads.ts';
import type { WatchStrategy } from './mirror-strategy.ts';
import { nameOf, parentOf } from './path.ts';

/** `exists` requests under way at once. */
const WINDOW = 32;

/**
 * Compares every node's stat with the server's, and lists the directories whose pzxid differs. What differs although no event of
 * it came is noted for repair, and counted. An event comes before any answer that shows its change: so what changed while we
 * looked is known to be pending, or has been applied already, and is not counted. Untrusted paths are noted to be read again.
 *
 * @param pauseMs between one window of requests and the next.
 * @param found told of differences when they are noted.
 * @throws what ended it: the signal's reason, a connection's failure.
 */
export async function auditTree(
  parts: MirrorParts,
  strategy: WatchStrategy,
  pauseMs: number,
  signal: AbortSignal,
  found: (differences: number) => void,
): Promise<void> {
  const auditSome = async (paths: readonly ZnodePath[]): Promise<void> => {
    const counts = await Promise.all(paths.map(path => auditNode(parts, strategy, path, signal)));
    const sum = counts.reduce((total, count) => total + count, 0);
    if (sum > 0) found(sum);
  };
  const known = knownPaths(parts);
  for (let paths = known.take(WINDOW); paths.length > 0; ) {
    await auditSome(paths);
    paths = known.take(WINDOW);
    if (paths.length > 0 && pauseMs > 0) await parts.clock.sleep(pauseMs, signal);
  }
  for (const path of parts.trust.untrusted.keys()) repair(parts, path, WHOLE);
  found(0);
}

/** The roots, known or not, and every node that is known now, directory by directory. */
function knownPaths({ tree, roots }: MirrorParts): { take(count: number): readonly ZnodePath[] } {
  const unknown = [...roots].filter(root => tree.get(root) === undefined);
  const listings = [...tree.listings()];
  function* all(): Generator<ZnodePath> {
    yield* unknown;
    for (const { path, names } of listings) for (const name of names) yield childOf(path, name);
  }
  const rest = all();
  return { take: count => Array.from({ length: count }, () => rest.next().value ?? []).flat() };
}

async function auditNode(
  parts: MirrorParts,
  strategy: WatchStrategy,
  path: ZnodePath,
  signal: AbortSignal,
): Promise<number> {
  const { tree, trust, pending } = parts;
  const known = tree.get(path);
  if (pending.has(path) || trust.untrusted.has(path)) return 0;
  if (known === undefined && !parts.roots.has(path)) return 0;
  const stat = await statOf(parts.session, path, signal);
  signal.throwIfAborted();
  if (stat === 'unreadable' || pending.has(path) || tree.get(path) !== known) return 0;
  if (stat === undefined && known === undefined) return 0;
  if (stat === undefined || known?.czxid !== stat.czxid) {
    if (!parts.roots.has(path)) relist(parts, strategy, parentOf(path)); // its event was missed as well
    strategy.distrust(path);
    return repair(parts, path, stat !== undefined ? WHOLE : parts.roots.has(path) ? NODE : GONE);
  }
  if (known.mzxid !== stat.mzxid) {
    strategy.distrust(path);
    return repair(parts, path, WHOLE);
  }
  return known.pzxid === stat.pzxid ? 0 : auditList(parts, strategy, known, signal);
}

async function statOf(
  session: Session,
  path: ZnodePath,
  signal: AbortSignal,
): Promise<Stat | undefined | 'unreadable'> {
  try {
    return await session.exists(path, { signal });
  } catch (error) {
    foundInstead(path, error); // throws when the connection ended
    return 'unreadable';
  }
}

async function auditList(
  parts: MirrorParts,
  strategy: WatchStrategy,
  known: MirrorNode,
  signal: AbortSignal,
): Promise<number> {
  const { tree, trust } = parts;
  const { path } = known;
  const isMoving = (): boolean =>
    parts.mark.pendingMark(path) !== undefined || tree.get(path) !== known;
  if (isMoving()) return 0; // the event of a child came, the directory's pzxid follows
  const names = await namesOf(parts.session, path, signal);
  signal.throwIfAborted();
  if (names === undefined || isMoving()) return 0;
  const unknown = [...names]
    .map(name => childOf(path, name))
    .filter(child => tree.get(child) === undefined);
  const missing = unknown.filter(child => !trust.untrusted.has(child));
  const extra = tree.childPaths(path).filter(child => !names.has(nameOf(child)));
  relist(parts, strategy, path);
  for (const child of missing) repair(parts, child, WHOLE);
  for (const child of extra) repair(parts, child, GONE);
  // The pzxid alone differs: also when a child came that we may not read, which is no drift.
  if (missing.length + extra.length === 0) return unknown.length > 0 ? 0 : 1;
  return missing.length + extra.length;
}

async function namesOf(
  session: Session,
  path: ZnodePath,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await session.getChildren(path, { signal })).children);
  } catch (error) {
    if (!hasCode(error, 'NO_NODE')) foundInstead(path, error);
    return undefined;
  }
}

function relist(parts: MirrorParts, strategy: WatchStrategy, path: ZnodePath): void {
  strategy.distrust(path);
  repair(parts, path, RELIST);
}

/** W claimed this already: the mark keeps it from claiming more before it is true. */
function repair(parts: MirrorParts, path: ZnodePath, need: Need): number {
  parts.pending.note({
    path,
    need,
    mark: parts.mark.value(),
    eventAtMs: undefined,
    reason: 'audit',
    dataChanged: false,
  });
  return 1;
}
