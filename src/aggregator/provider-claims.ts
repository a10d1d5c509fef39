import { compareClaims, type ProviderRecord, type RejectReason } from '../registry/index.ts';
import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';
import type { ListedProvider } from './ports.ts';

/**
 * A znode whose bytes are a provider record: it claims the record's id. It is what is listed, as long as no operator said otherwise:
 * one object for both. The record is as the provider says it; only the service is the path's. Of what the mirror keeps of the
 * znode there is no second copy.
 */
export class ProviderClaim implements ListedProvider {
  readonly record: ProviderRecord;
  private readonly node: MirrorNode;

  constructor(node: MirrorNode, record: ProviderRecord) {
    this.node = node;
    this.record = record;
  }

  get id(): string {
    return this.record.id;
  }
  get znode(): ZnodePath {
    return this.node.path;
  }
  get czxid(): bigint {
    return this.node.czxid;
  }
  get mzxid(): bigint {
    return this.node.mzxid;
  }
  get sessionId(): bigint {
    return this.node.ephemeralOwner;
  }
  get since(): string {
    return new Date(this.node.ctimeMs).toISOString();
  }
  get override(): undefined {
    return undefined;
  }
  get healthy(): undefined {
    return undefined;
  }
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
  /** Of a znode that has claimed nothing so far. */
  add(claim: ProviderClaim): void;
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

const isAlone = (held: Held): held is ProviderClaim => held instanceof ProviderClaim;

function claimsIn(held: Held | undefined): readonly ProviderClaim[] {
  if (held === undefined) return NOTHING;
  return isAlone(held) ? [held] : [held.winner, ...held.superseded];
}

export function providerClaims(): ProviderClaims {
  return new Claims();
}

/** A class: there is one for each service. */
class Claims implements ProviderClaims {
  private readonly byId = new Map<string, Held>();
  /** Made when somebody asks what a znode claimed: of most services nothing changes for a long time. */
  private byZnode: Map<ZnodePath, ProviderClaim> | undefined;

  add(claim: ProviderClaim): void {
    const { id } = claim;
    this.byZnode?.set(claim.znode, claim);
    const known = this.byId.get(id);
    if (known === undefined) this.byId.set(id, claim);
    else this.hold(id, [...claimsIn(known), claim].sort(compareClaims));
  }

  put(claim: ProviderClaim): ProviderClaim | undefined {
    const before = this.remove(claim.znode);
    this.add(claim);
    return before;
  }

  remove(znode: ZnodePath): ProviderClaim | undefined {
    const claim = this.znodes().get(znode);
    if (claim === undefined) return undefined;
    this.znodes().delete(znode);
    this.hold(
      claim.id,
      claimsIn(this.byId.get(claim.id)).filter(each => each !== claim),
    );
    return claim;
  }

  winner(id: string): ProviderClaim | undefined {
    const held = this.byId.get(id);
    return held === undefined || isAlone(held) ? held : held.winner;
  }

  contested(id: string): IdClaims | undefined {
    const held = this.byId.get(id);
    return held === undefined || isAlone(held) ? undefined : held;
  }

  of(id: string): IdClaims | undefined {
    const held = this.byId.get(id);
    return held !== undefined && isAlone(held) ? { winner: held, superseded: NOTHING } : held;
  }

  private hold(id: string, claims: readonly ProviderClaim[]): void {
    const [winner, ...superseded] = claims;
    if (winner === undefined) this.byId.delete(id);
    else this.byId.set(id, superseded.length === 0 ? winner : { winner, superseded });
  }

  private znodes(): Map<ZnodePath, ProviderClaim> {
    if (this.byZnode === undefined) {
      this.byZnode = new Map();
      for (const held of this.byId.values())
        for (const claim of claimsIn(held)) this.byZnode.set(claim.znode, claim);
    }
    return this.byZnode;
  }
}

/** What the znode's stat and its parsed record make. */
export function claimOf(node: MirrorNode, service: string, record: ProviderRecord): ProviderClaim {
  return new ProviderClaim(node, record.service === service ? record : { ...record, service });
}
