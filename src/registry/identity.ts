/** Which znode speaks for an id when several claim it. Pure. */

export interface Claim {
  /** The node's name or its whole path: of one directory both order alike. */
  readonly znode: string;
  readonly czxid: bigint;
}

/**
 * Orders claims on one id, the one that speaks for it first: the younger (a restarted provider overlaps the session of its dead
 * self), then, of two made by one transaction, the larger name.
 */
export function compareClaims(a: Claim, b: Claim): number {
  if (a.czxid !== b.czxid) return a.czxid > b.czxid ? -1 : 1;
  if (a.znode === b.znode) return 0;
  return a.znode > b.znode ? -1 : 1;
}

export interface ResolvedClaims<C extends Claim> {
  /** undefined only of an empty list. */
  readonly winner: C | undefined;
  /** The others, youngest first. */
  readonly superseded: readonly C[];
}

export function resolveClaims<C extends Claim>(claims: Iterable<C>): ResolvedClaims<C> {
  const [winner, ...superseded] = [...claims].sort(compareClaims);
  return { winner, superseded };
}

/**
 * How long two claims may overlap before they are called a conflict: longer than sessions usually live on after a crash (ZooKeeper
 * grants 20 ticks, 40 s, at most by default).
 */
export const CONFLICT_AFTER_MS = 60_000;

/** Two that both stay are not a restart but two programs under one name. `overlapSinceMs` is when the second was first seen. */
export function isConflict(
  overlapSinceMs: number,
  nowMs: number,
  afterMs: number = CONFLICT_AFTER_MS,
): boolean {
  return nowMs - overlapSinceMs >= afterMs;
}
