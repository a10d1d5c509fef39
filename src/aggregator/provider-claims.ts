import { compareClaims, type ProviderRecord, type RejectReason } from '../registry/index.ts';
import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';
import type { ListedProvider } from './ports.ts';

/**
 * A znode whose bytes are a provider record: it claims the record's id. It is what is listed, as long as no operator said otherwise:
 * one object for both. The record is as the provider says it; only the service is the path's.
 */
export type ProviderClaim = ListedProvider;

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
  /** The one that speaks for the id. */
  winner(id: string): ProviderClaim | undefined;
  of(id: string): IdClaims | undefined;
  /** The same, but only when there are several. */
  contested(id: string): IdClaims | undefined;
}

/** Almost every id is claimed by one znode: then it stands for itself. */
type Held = ProviderClaim | IdClaims;

const isAlone = (held: Held): held is ProviderClaim => 'znode' in held;

function claimsIn(held: Held | undefined): readonly ProviderClaim[] {
  if (held === undefined) return NOTHING;
  return isAlone(held) ? [held] : [held.winner, ...held.superseded];
}

export function providerClaims(): ProviderClaims {
  const byZnode = new Map<ZnodePath, ProviderClaim>();
  const byId = new Map<string, Held>();

  const hold = (id: string, claims: readonly ProviderClaim[]): void => {
    const [winner, ...superseded] = claims;
    if (winner === undefined) byId.delete(id);
    else byId.set(id, superseded.length === 0 ? winner : { winner, superseded });
  };

  const remove = (znode: ZnodePath): ProviderClaim | undefined => {
    const claim = byZnode.get(znode);
    if (claim === undefined) return undefined;
    byZnode.delete(znode);
    hold(
      claim.id,
      claimsIn(byId.get(claim.id)).filter(each => each !== claim),
    );
    return claim;
  };

  return {
    put(claim) {
      const before = remove(claim.znode);
      byZnode.set(claim.znode, claim);
      const known = byId.get(claim.id);
      if (known === undefined) byId.set(claim.id, claim);
      else hold(claim.id, [...claimsIn(known), claim].sort(compareClaims));
      return before;
    },
    remove,
    winner(id) {
      const held = byId.get(id);
      return held === undefined || isAlone(held) ? held : held.winner;
    },
    contested(id) {
      const held = byId.get(id);
      return held === undefined || isAlone(held) ? undefined : held;
    },
    of(id) {
      const held = byId.get(id);
      return held !== undefined && isAlone(held) ? { winner: held, superseded: NOTHING } : held;
    },
  };
}

/** What the znode's stat and its parsed record make. */
export function claimOf(node: MirrorNode, service: string, record: ProviderRecord): ProviderClaim {
  return {
    id: record.id,
    record: record.service === service ? record : { ...record, service },
    znode: node.path,
    czxid: node.czxid,
    mzxid: node.mzxid,
    sessionId: node.ephemeralOwner,
    since: new Date(node.ctimeMs).toISOString(),
    override: undefined,
    healthy: undefined,
  };
}
