import type { Mirror, MirrorBatch, MirrorNode, ZnodePath } from '../zookeeper/index.ts';
import { oldestOf } from './oldest.ts';
import type { LeaveCause } from './ports.ts';
import type { ViewTransition } from './transitions.ts';

export interface Judgement {
  readonly cause: LeaveCause;
  /** One sentence for people: what the cause was concluded from. */
  readonly detail: string;
}

export type Left = Extract<ViewTransition, { readonly kind: 'left' }>;

/** Why a provider left, concluded from what else its session owns in the mirrored trees. */
export interface Causes {
  /**
   * Takes in a batch when the mirror delivers it, before the leaves in it are judged. Returns sessions that were held for dead and turn out to live: what was
   * judged `crashed-or-expired` of them was the deletion of a single node.
   */
  apply(batch: MirrorBatch): readonly bigint[];
  /** The same leave is judged once. */
  judge(left: Left): Judgement;
}

/** How many sessions that are held for dead are remembered, so that a sign of life can amend the judgement. */
const MAX_REMEMBERED = 10_000;

const hex = (sessionId: bigint): string => `0x${sessionId.toString(16)}`;

/** What is concluded of a session in whose trees something is gone. */
type Fate =
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
  /** The same of a node that is known not to be in the index. */
  add(node: MirrorNode): void;
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

/**
 * Sessions and the ephemeral nodes they own, kept by puts and removals.
 * @param isPending whether what is at the path may be gone.
 * @param isAllPending whether that holds of every path: then nobody looks at each.
 */
export function sessionIndex(
  isPending: (path: ZnodePath) => boolean,
  isAllPending: () => boolean = () => false,
): SessionIndex {
  const owners = new Map<bigint, Owner>();
  /** Those without a node, oldest first: only they are forgotten. */
  const ended = new Set<bigint>();
  const oldestEnded = oldestOf(ended);

  const owner = (sessionId: bigint): Owner => {
    let known = owners.get(sessionId);
    if (known === undefined) owners.set(sessionId, (known = { nodes: [], gone: 0 }));
    return known;
  };

  const forgetOldest = (): void => {
    const oldest = ended.size > MAX_REMEMBERED ? oldestEnded() : undefined;
    if (oldest === undefined) return;
    ended.delete(oldest);
    owners.delete(oldest);
  };

  const lives = (sessionId: bigint): boolean => {
    if (isAllPending()) return false;
    const known = owners.get(sessionId);
    if (known === undefined) return false;
    for (const path of pathsOf(known)) if (!isPending(path)) return true;
    return false;
  };

  const owned = (sessionId: bigint): number => {
    const known = owners.get(sessionId);
    return known === undefined ? 0 : sizeOf(known);
  };

  return {
    put(sessionId, path) {
      pathsOf(owner(sessionId)).add(path);
      ended.delete(sessionId);
    },
    add(node) {
      const { nodes } = owner(node.ephemeralOwner);
      if ('size' in nodes) nodes.add(node.path);
      else nodes.push(node);
      if (ended.size > 0) ended.delete(node.ephemeralOwner);
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
      return { kind: 'ended', gone: (owners.get(sessionId)?.gone ?? 0) + others };
    },
    forgetGone(sessionId) {
      const entry = owners.get(sessionId);
      if (entry !== undefined) entry.gone = 0;
    },
    get size() {
      return owners.size;
    },
  };
}

function judgeFate(fate: Fate, sessionId: bigint): Judgement {
  const session = `session ${hex(sessionId)}`;
  if (fate.kind === 'lives') {
    const detail = `its ${session} lives on and still owns ${fate.others} other node${fate.others === 1 ? '' : 's'} here`;
    return { cause: 'deleted-by-other', detail };
  }
  const detail =
    fate.gone > 1
      ? `it went without having drained, together with all ${fate.gone} nodes that its ${session} owned here`
      : `it went without having drained; its ${session} owned nothing else here that could tell whether the session ended or the node alone was deleted`;
  return { cause: 'crashed-or-expired', detail };
}

/** What needs no look at the session. */
function judgePlainly(left: Left): Judgement | undefined {
  if (left.how === 'replaced') {
    return { cause: 'replaced', detail: 'a younger znode with the same id speaks for it' };
  }
  if (left.how === 'renamed') {
    return { cause: 'replaced', detail: 'its znode is there, but claims another id now' };
  }
  if (left.how === 'rejected') {
    return {
      cause: 'rejected',
      detail: 'its znode is there, but holds no provider record any more',
    };
  }
  if (left.drained) {
    return { cause: 'deregistered', detail: 'it had drained before its node was removed' };
  }
  if (left.reason === 'watch') return undefined;
  const found = left.reason === 'audit' ? 'an audit' : 'the re-read after a reconnect';
  return {
    cause: 'vanished',
    detail: `found missing by ${found}: when and why it went cannot be told`,
  };
}

/** The mirror holds it no more, or has still to read what became of it. */
export function mayBeGone(
  mirror: Pick<Mirror, 'get' | 'pendingMark'>,
): (path: ZnodePath) => boolean {
  return path => mirror.get(path) === undefined || mirror.pendingMark(path) !== undefined;
}

/**
 * @param isPending whether what is at the path may be gone: `mayBeGone(mirror)`.
 * @param isAllPending whether everything is being read, so that anything may be gone.
 */
export function causes(
  isPending: (path: ZnodePath) => boolean,
  isAllPending?: () => boolean,
): Causes {
  const sessions = sessionIndex(isPending, isAllPending);
  /** Held for dead: a sign of life amends that. Oldest first. */
  const heldForDead = new Set<bigint>();
  const oldestHeld = oldestOf(heldForDead);
  /** Those of them of which something was still to be read at the judgement: looked at again with each batch. */
  const unsettled = new Set<bigint>();
  const verdicts = new Map<bigint, Fate>();
  const judgements = new WeakMap<Left, Judgement>();

  const settle = (sessionId: bigint): void => {
    heldForDead.delete(sessionId);
    unsettled.delete(sessionId);
  };

  const holdForDead = (sessionId: bigint): void => {
    settle(sessionId);
    heldForDead.add(sessionId);
    if (sessions.owned(sessionId) > 0) unsettled.add(sessionId);
    const oldest = heldForDead.size > MAX_REMEMBERED ? oldestHeld() : undefined;
    if (oldest !== undefined) settle(oldest);
  };

  /** Once for each session in a batch: a thousand nodes of one session are one judgement. */
  const fateOf = (sessionId: bigint): Fate => {
    const known = verdicts.get(sessionId);
    if (known !== undefined) return known;
    const fate = sessions.fate(sessionId);
    verdicts.set(sessionId, fate);
    if (fate.kind === 'ended') holdForDead(sessionId);
    return fate;
  };

  /** Returns the sessions that own, or owned, something that the batch tells of. */
  const takeIn = (batch: MirrorBatch): ReadonlySet<bigint> => {
    const touched = new Set<bigint>();
    const gone = (sessionId: bigint, path: ZnodePath): void => {
      if (sessionId === 0n) return;
      sessions.gone(sessionId, path);
      touched.add(sessionId);
    };
    for (const change of batch.changes) {
      const { ephemeralOwner } = change.node;
      if (batch.reason === 'cold' && change.kind === 'put' && change.previous === undefined) {
        if (ephemeralOwner !== 0n) sessions.add(change.node);
        continue;
      }
      const { path } = change.node;
      if (change.kind === 'gone') gone(ephemeralOwner, path);
      if (change.kind !== 'put') continue;
      const before = change.previous?.ephemeralOwner ?? 0n;
      if (before !== ephemeralOwner) gone(before, path);
      if (ephemeralOwner === 0n) continue;
      sessions.put(ephemeralOwner, path);
      touched.add(ephemeralOwner);
    }
    return touched;
  };

  return {
    apply(batch) {
      verdicts.clear();
      const revived: bigint[] = [];
      const touched = takeIn(batch);
      if (batch.reason === 'cold') return revived; // nothing was judged yet
      for (const sessionId of new Set([...touched, ...unsettled])) {
        if (sessions.owned(sessionId) === 0) unsettled.delete(sessionId);
        if (!sessions.lives(sessionId)) continue;
        sessions.forgetGone(sessionId);
        if (heldForDead.has(sessionId)) revived.push(sessionId);
        settle(sessionId);
      }
      return revived;
    },
    judge(left) {
      const known = judgements.get(left);
      if (known !== undefined) return known;
      const judgement = judgePlainly(left) ?? judgeFate(fateOf(left.sessionId), left.sessionId);
      judgements.set(left, judgement);
      return judgement;
    },
  };
}
