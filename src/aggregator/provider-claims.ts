import { RollcallError } from '../kernel/errors.ts';
import type { ProviderRecord, ProviderStatus, RejectReason } from '../registry/index.ts';
import type { MirrorNode, ZnodePath } from '../zookeeper/index.ts';
import { IdContest, type Overlap } from './id-contest.ts';
import { readProviderQuickly } from './plain-record.ts';
import type { ListedProvider } from './ports.ts';
import { type Glance, repeatsKey } from './record-glance.ts';

/**
 * A znode whose bytes are a provider record: it claims the record's id. It is what is listed, as long as no operator said otherwise:
 * one object for both. The record is as the provider says it; only the service is the path's. Of what the mirror keeps of the
 * znode there is no second copy.
 */
export class ProviderClaim implements ListedProvider {
  readonly id: string;
  readonly status: ProviderStatus;
  private readonly node: MirrorNode;
  private known: ProviderRecord | undefined;

  /** @param record of a node that keeps its content it may be read when somebody asks for it. */
  constructor(node: MirrorNode, { id, status }: Glance, record?: ProviderRecord) {
    this.node = node;
    this.id = id;
    this.status = status;
    this.known = record;
  }

  get record(): ProviderRecord {
    return (this.known ??= decoded(this.node));
  }

  get recordJson(): string | undefined {
    if (this.known !== undefined) return undefined;
    const json = this.node.content?.toString('utf8');
    return json === undefined || repeatsKey(json) ? undefined : json;
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
  /** The same of many, each of which is the only one of its id. */
  addSole(claims: readonly ProviderClaim[]): void;
  /** Takes the place of what this znode claimed before, and returns that. */
  put(claim: ProviderClaim): ProviderClaim | undefined;
  /** The znode is gone, or holds no record any more. Returns what it claimed. */
  remove(znode: ZnodePath): ProviderClaim | undefined;
  /** The one that speaks for the id. */
  winner(id: string): ProviderClaim | undefined;
  of(id: string): IdClaims | undefined;
  /** Of an id that znodes of several sessions claim. */
  overlap(id: string): Overlap<ProviderClaim> | undefined;
  /** All that do not speak for their id, in no order. */
  superseded(): Iterable<ProviderClaim>;
}

export function providerClaims(): ProviderClaims {
  return new Claims();
}

/** A class: there is one for each service. */
class Claims implements ProviderClaims {
  /** Those that speak for their ids, but for `unindexed`. */
  private readonly indexed = new Map<string, ProviderClaim>();
  /** Of a first reading: of most services nothing changes for a long time. */
  private unindexed: readonly ProviderClaim[] = [];
  /** Made for the first id that several znodes claim; almost every one is claimed by one. */
  private contests: Map<string, IdContest<ProviderClaim>> | undefined;
  /** Made when somebody asks what a znode claimed: of most services nothing changes for a long time. */
  private byZnode: Map<ZnodePath, ProviderClaim> | undefined;

  add(claim: ProviderClaim): void {
    const { id } = claim;
    this.byZnode?.set(claim.znode, claim);
    const known = this.winners.get(id);
    if (known === undefined) this.winners.set(id, claim);
    else this.contend(id, known, claim);
  }

  addSole(claims: readonly ProviderClaim[]): void {
    const { byZnode } = this;
    if (byZnode !== undefined) for (const claim of claims) byZnode.set(claim.znode, claim);
    this.unindexed = this.unindexed.length === 0 ? claims : this.unindexed.concat(claims);
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
    const { id } = claim;
    const contest = this.contests?.get(id);
    contest?.remove(claim);
    const winner = contest?.winner;
    if (winner === undefined) this.winners.delete(id);
    else this.winners.set(id, winner);
    if (contest !== undefined && contest.size < 2) this.contests?.delete(id);
    return claim;
  }

  winner(id: string): ProviderClaim | undefined {
    return this.winners.get(id);
  }

  overlap(id: string): Overlap<ProviderClaim> | undefined {
    return this.contests?.get(id)?.overlap;
  }

  of(id: string): IdClaims | undefined {
    const winner = this.winners.get(id);
    if (winner === undefined) return undefined;
    return { winner, superseded: this.contests?.get(id)?.youngestFirst().slice(1) ?? NOTHING };
  }

  *superseded(): Iterable<ProviderClaim> {
    for (const contest of this.contests?.values() ?? []) {
      for (const claim of contest.all()) if (claim !== contest.winner) yield claim;
    }
  }

  private get winners(): Map<string, ProviderClaim> {
    for (const claim of this.unindexed) this.indexed.set(claim.id, claim);
    this.unindexed = NOTHING;
    return this.indexed;
  }

  private contend(id: string, known: ProviderClaim, claim: ProviderClaim): void {
    const contests = (this.contests ??= new Map());
    const contest = contests.get(id) ?? new IdContest<ProviderClaim>(known);
    contests.set(id, contest);
    contest.add(claim);
    if (contest.winner !== undefined) this.winners.set(id, contest.winner);
  }

  private znodes(): Map<ZnodePath, ProviderClaim> {
    if (this.byZnode === undefined) {
      this.byZnode = new Map();
      for (const claim of this.winners.values()) this.byZnode.set(claim.znode, claim);
      for (const claim of this.superseded()) this.byZnode.set(claim.znode, claim);
    }
    return this.byZnode;
  }
}

/** What the znode's stat and its parsed record make. */
export function claimOf(node: MirrorNode, service: string, record: ProviderRecord): ProviderClaim {
  const own = record.service === service ? record : { ...record, service };
  return new ProviderClaim(node, own, own);
}

/** @throws RollcallError INTERNAL when a glance has accepted what is no record. */
function decoded({ path, content }: MirrorNode): ProviderRecord {
  const parsed = content === undefined ? undefined : readProviderQuickly(content);
  if (parsed?.ok === true) return parsed.record;
  throw new RollcallError('INTERNAL', `${path} was listed, and holds no provider record`);
}
