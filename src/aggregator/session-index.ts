import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';
import { oldestOf } from './oldest.ts';

/** How many sessions that own nothing any more are remembered. */
export const MAX_REMEMBERED = 10_000;
/** Takes some 5 ms: the first event after a first reading waits for what is left. */
const NODES_AT_ONCE = 8_000;

/** What is concluded of a session in whose trees something is gone. */
export type Fate =
  | { readonly kind: 'lives'; readonly others: number }
  /** All of it is gone, or its rest is still to be read: the deletions of one session come as one burst. */
  | { readonly kind: 'ended'; readonly gone: number };

interface Owner {
  /** A plain list until something of the session is asked for or goes: of most sessions nothing is, for a long time. */
  nodes: Set<ZnodePath> | MirrorNode[];
  /** Nodes of it that went while nothing else of it was known to stay. */
  gone: number;
}

const sizeOf = ({ nodes }: Owner): number => ('size' in nodes ? nodes.size : nodes.length);

function pathsOf(owner: Owner): Set<ZnodePath> {
  if (!('size' in owner.nodes)) owner.nodes = new Set(owner.nodes.map(({ path }) => path));
  return owner.nodes;
}

export interface SessionIndex {
  put(sessionId: bigint, path: ZnodePath): void;
  /** The same of many nodes that are known not to be in the index. They are looked at when something is asked. */
  add(nodes: readonly MirrorNode[]): void;
  /** Looks at some of them. Tells whether there are more. */
  indexSome(): boolean;
  gone(sessionId: bigint, path: ZnodePath): void;
  fate(sessionId: bigint): Fate;
  /** Whether it owns a node that is known to stay. */
  lives(sessionId: bigint): boolean;
  /** How many nodes it owns, those included that are still to be read. */
  owned(sessionId: bigint): number;
  /** It lives: what went before does not count towards its end. */
  forgetGone(sessionId: bigint): void;
  readonly size: number;
}

function ownerIn(owners: Map<bigint, Owner>, sessionId: bigint): Owner {
  let owner = owners.get(sessionId);
  if (owner === undefined) owners.set(sessionId, (owner = { nodes: [], gone: 0 }));
  return owner;
}

/**
 * Sessions and the ephemeral nodes they own, kept by puts and removals.
 * @param isPending whether what is at the path may be gone.
 * @param isAllPending whether that holds of every path: then nobody looks at each.
 */
export function sessionIndex(
  isPending: (path: ZnodePath) => boolean,
  isAllPending: () => boolean = () => false,
): SessionIndex {
  const known = new Map<bigint, Owner>();
  const unindexed: (readonly MirrorNode[])[] = [];
  /** Those without a node, oldest first: only they are forgotten. */
  const ended = new Set<bigint>();
  const oldestEnded = oldestOf(ended);

  const add = (node: MirrorNode): void => {
    const { nodes } = ownerIn(known, node.ephemeralOwner);
    if ('size' in nodes) nodes.add(node.path);
    else nodes.push(node);
    if (ended.size > 0) ended.delete(node.ephemeralOwner);
  };

  const index = (most: number): void => {
    for (let done = 0; done < most; ) {
      const nodes = unindexed.pop();
      if (nodes === undefined) return;
      for (const node of nodes) if (node.ephemeralOwner !== 0n) add(node);
      done += nodes.length;
    }
  };

  const owners = (): Map<bigint, Owner> => {
    if (unindexed.length > 0) index(Number.POSITIVE_INFINITY);
    return known;
  };

  const owner = (sessionId: bigint): Owner => ownerIn(owners(), sessionId);

  const forgetOldest = (): void => {
    const oldest = ended.size > MAX_REMEMBERED ? oldestEnded() : undefined;
    if (oldest === undefined) return;
    ended.delete(oldest);
    known.delete(oldest);
  };

  const lives = (sessionId: bigint): boolean => {
    if (isAllPending()) return false;
    const of = owners().get(sessionId);
    if (of === undefined) return false;
    for (const path of pathsOf(of)) if (!isPending(path)) return true;
    return false;
  };

  const owned = (sessionId: bigint): number => {
    const of = owners().get(sessionId);
    return of === undefined ? 0 : sizeOf(of);
  };

  return {
    put(sessionId, path) {
      pathsOf(owner(sessionId)).add(path);
      ended.delete(sessionId);
    },
    add(nodes) {
      unindexed.push(nodes);
    },
    indexSome() {
      index(NODES_AT_ONCE);
      return unindexed.length > 0;
    },
    gone(sessionId, path) {
      const entry = owner(sessionId);
      pathsOf(entry).delete(path);
      entry.gone += 1;
      if (sizeOf(entry) > 0) return;
      ended.add(sessionId);
      forgetOldest();
    },
    lives,
    owned,
    fate(sessionId) {
      const others = owned(sessionId);
      if (lives(sessionId)) return { kind: 'lives', others };
      return { kind: 'ended', gone: (owners().get(sessionId)?.gone ?? 0) + others };
    },
    forgetGone(sessionId) {
      const entry = owners().get(sessionId);
      if (entry !== undefined) entry.gone = 0;
    },
    get size() {
      return owners().size;
    },
  };
}
