import { compareClaims } from '../registry/index.ts';

/** A znode that claims an id. */
export interface Contender {
  readonly znode: string;
  readonly czxid: bigint;
  readonly sessionId: bigint;
}

/**
 * Two znodes of different sessions that claim one id, and have done so side by side for longer than any other two. As long as
 * `younger` is the same, so is the overlap.
 */
export interface Overlap<C extends Contender = Contender> {
  readonly older: C;
  readonly younger: C;
}

/**
 * The znodes that claim one id, when there are several. To add and to remove one costs no look at all others: a program that
 * registers over and over under one id makes thousands.
 */
export class IdContest<C extends Contender> {
  /** Oldest first: one that comes is usually the youngest. */
  private readonly claims: C[];
  private overlapping: Overlap<C> | undefined;
  private isStale = true;

  constructor(first: C) {
    this.claims = [first];
  }

  get size(): number {
    return this.claims.length;
  }

  /** The one that speaks for the id; undefined when there is none. */
  get winner(): C | undefined {
    return this.claims.at(-1);
  }

  /** Youngest first. */
  youngestFirst(): readonly C[] {
    return this.claims.toReversed();
  }

  /** Oldest first; not to be held. */
  all(): readonly C[] {
    return this.claims;
  }

  /** undefined: one session owns all of them. */
  get overlap(): Overlap<C> | undefined {
    if (this.isStale) this.overlapping = overlapIn(this.claims);
    this.isStale = false;
    return this.overlapping;
  }

  add(claim: C): void {
    const at = this.placeOf(claim);
    if (at === this.claims.length) this.claims.push(claim);
    else this.claims.splice(at, 0, claim);
    if (this.isStale) return;
    const { overlapping } = this;
    const changesNothing =
      overlapping === undefined
        ? claim.sessionId === this.claims[at === 0 ? 1 : 0]?.sessionId
        : compareClaims(claim, overlapping.younger) < 0;
    this.isStale = !changesNothing;
  }

  remove(claim: C): void {
    const at = this.placeOf(claim);
    if (this.claims[at] !== claim) return;
    this.claims.splice(at, 1);
    const { overlapping } = this;
    if (overlapping?.older === claim || overlapping?.younger === claim) this.isStale = true;
  }

  /** Where it is, or would be: the first place whose claim is not older. */
  private placeOf(claim: C): number {
    const { claims } = this;
    let from = 0;
    let to = claims.length;
    const last = claims.at(-1);
    if (last !== undefined && compareClaims(last, claim) > 0) return to;
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = claims[middle];
      if (other !== undefined && compareClaims(other, claim) > 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function overlapIn<C extends Contender>(claims: readonly C[]): Overlap<C> | undefined {
  const [older] = claims;
  const younger = claims.find(({ sessionId }) => sessionId !== older?.sessionId);
  return older === undefined || younger === undefined ? undefined : { older, younger };
}
