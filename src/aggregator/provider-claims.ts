import { compareClaims, type ProviderRecord, type RejectReason } from '../registry/index.ts';
import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';

/** A znode whose bytes are a provider record: it claims the record's id. */
export interface ProviderClaim {
  readonly znode: ZnodePath;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly sessionId: bigint;
  /** ISO 8601, from the znode's ctime. */
  readonly since: string;
  /** As the provider says it; only the service is the path's. */
  readonly record: ProviderRecord;
}

/** A znode among the providers whose bytes are no provider record. */
export interface RejectedClaim {
  readonly znode: ZnodePath;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly sessionId: bigint;
  readonly reason: RejectReason;
  /** For people, at most 300 characters. */
  readonly detail: string;
  /** The id that its bytes name all the same; undefined when they name none. */
  readonly namedId: string | undefined;
}

/** All znodes that claim one id: the one that speaks for it, and the others, youngest first. */
export interface IdClaims {
  readonly winner: ProviderClaim;
  readonly superseded: readonly ProviderClaim[];
}

const NOTHING: readonly ProviderClaim[] = [];

/** Which znodes of one service's directory claim which ids. */
export interface ProviderClaims {
  /** Takes the place of what this znode claimed before, and returns that. */
  put(claim: ProviderClaim): ProviderClaim | undefined;
  /** The znode is gone, or holds no record any more. Returns what it claimed. */
  remove(znode: ZnodePath): ProviderClaim | undefined;
  of(id: string): IdClaims | undefined;
}

export function providerClaims(): ProviderClaims {
  const byZnode = new Map<ZnodePath, ProviderClaim>();
  /** Nearly every id is claimed by one znode: then the claim itself is kept, and no object about it. */
  const byId = new Map<string, ProviderClaim | IdClaims>();

  const without = (claim: ProviderClaim): void => {
    const { id } = claim.record;
    const known = of(id);
    if (known === undefined) return;
    const rest = [known.winner, ...known.superseded].filter(({ znode }) => znode !== claim.znode);
    const [winner, ...superseded] = rest;
    if (winner === undefined) byId.delete(id);
    else byId.set(id, superseded.length === 0 ? winner : { winner, superseded });
  };

  const of = (id: string): IdClaims | undefined => {
    const known = byId.get(id);
    if (known === undefined || 'winner' in known) return known;
    return { winner: known, superseded: NOTHING };
  };

  const remove = (znode: ZnodePath): ProviderClaim | undefined => {
    const claim = byZnode.get(znode);
    if (claim === undefined) return undefined;
    byZnode.delete(znode);
    without(claim);
    return claim;
  };

  return {
    put(claim) {
      const before = remove(claim.znode);
      byZnode.set(claim.znode, claim);
      const { id } = claim.record;
      const known = of(id);
      byId.set(id, known === undefined ? claim : joined(known, claim));
      return before;
    },
    remove,
    of,
  };
}

function joined(known: IdClaims, claim: ProviderClaim): IdClaims {
  const [winner = claim, ...superseded] = [known.winner, ...known.superseded, claim].sort(
    compareClaims,
  );
  return { winner, superseded };
}

/** Znodes that were made together have one ctime, and share its text. */
function timeText(): (wallMs: number) => string {
  let last = Number.NaN;
  let text = '';
  return wallMs => {
    if (wallMs === last) return text;
    last = wallMs;
    text = new Date(wallMs).toISOString();
    return text;
  };
}

const sinceText = timeText();

/** What the znode's stat and its parsed record make. */
export function claimOf(node: MirrorNode, service: string, record: ProviderRecord): ProviderClaim {
  return {
    znode: node.path,
    czxid: node.czxid,
    mzxid: node.mzxid,
    sessionId: node.ephemeralOwner,
    since: sinceText(node.ctimeMs),
    record: record.service === service ? record : { ...record, service },
  };
}
