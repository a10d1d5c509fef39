import type { Mirror, MirrorBatch, ZnodePath } from '../zookeeper/index.ts';
import { oldestOf } from './oldest.ts';
import type { LeaveCause } from './ports.ts';
import { type Fate, MAX_REMEMBERED, sessionIndex } from './session-index.ts';
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
  /** Indexes some of what a first reading brought, before anybody has to wait for all of it. Tells whether there is more. */
  indexSome(): boolean;
}

const hex = (sessionId: bigint): string => `0x${sessionId.toString(16)}`;

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
      if (change.kind === 'filled') {
        sessions.add(change.nodes);
        if (batch.reason === 'cold') continue;
        for (const { ephemeralOwner } of change.nodes)
          if (ephemeralOwner !== 0n) touched.add(ephemeralOwner);
        continue;
      }
      const { ephemeralOwner, path } = change.node;
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
    indexSome: sessions.indexSome,
  };
}
