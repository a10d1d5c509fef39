import type { NodeData, ZnodePath } from '../zookeeper/index.ts';

export type ProofState =
  /** Not known to stand: ZooKeeper is away, or the node is being made or mended. */
  | 'unproven'
  /** The node was there, ours, and said what it should, when it was last looked at; a watch tells of any change. */
  | 'proven'
  | 'closed';

/** What is known of one kept node. */
export interface Proof {
  readonly state: ProofState;
  /** When the node was last seen to be right, in milliseconds since 1970; undefined: never yet. */
  readonly lastProofWallMs: number | undefined;
}

/** A closed set: fit for a metric's label. */
export type ProofEventKind =
  | 'created'
  /** It was gone: deleted by somebody, or lost with the session. */
  | 'recreated'
  /** Somebody else's session owned the node of our name; it was replaced by one of ours. */
  | 'replaced'
  /** Somebody else had written into it; it says again what its owner says. */
  | 'restored'
  | 'proven'
  | 'unproven';

export interface ProofEvent {
  readonly kind: ProofEventKind;
  readonly path: ZnodePath | undefined;
  readonly wallMs: number;
}

export type Verdict =
  | 'ours'
  | 'missing'
  | 'foreign-owner'
  /** It does not say yet what was written last on our side. */
  | 'outdated'
  | 'overwritten';

/**
 * Judges what was read at the node's path. Pure.
 *
 * @param wanted what the node should say.
 * @param written what we wrote there; more than one where we do not know which write came through.
 */
export function judge(
  found: NodeData | undefined,
  sessionId: bigint | undefined,
  wanted: Buffer,
  written: readonly Buffer[],
): Verdict {
  if (found === undefined) return 'missing';
  if (found.stat.ephemeralOwner !== sessionId) return 'foreign-owner';
  if (found.data.equals(wanted)) return 'ours';
  return written.some(data => found.data.equals(data)) ? 'outdated' : 'overwritten';
}
