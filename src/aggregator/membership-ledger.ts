import type { MirrorNode } from '../zookeeper/index.ts';

/**
 * Accounts for every deletion in a directory, to notice a node that came and went before anybody could read it.
 *
 * Such a node leaves no tombstone here, while another replica may have seen it and told a client of it. ZooKeeper's own count
 * tells how many children were ever deleted (`MirrorNode.deletions`). Where it is not known, every move of the directory's pzxid
 * that no join explains is taken for such a node: safe, and dearer for those who resume.
 */
export interface MembershipLedger {
  /** A stat of the directory came in. `followed`: changes in it have been followed since before it was made, should it be new here. */
  directory(node: MirrorNode, followed: boolean): void;
  joined(czxid: bigint): void;
  /** A known child went. */
  gone(): void;
  /**
   * The zxid up to which nodes may have come and gone unseen; undefined: the account is even. While something in the directory is
   * still to be read, it may be about that.
   */
  doubt(): bigint | undefined;
  /** Nothing in the directory is still to be read: what is odd in the account stays so, and a new one begins. */
  settle(): void;
  /** The directory itself went: another one begins with an account of its own. */
  restart(): void;
}

export function membershipLedger(): MembershipLedger {
  return new Ledger();
}

/** A class: every service has two of them. */
class Ledger implements MembershipLedger {
  private deletions: number | undefined;
  private accounted: number | undefined;
  private pzxid = 0n;
  private newestJoin = 0n;
  private left = 0;
  /** The newest pzxid that no join explains, of a directory that does not tell its deletions. */
  private unexplained: bigint | undefined;

  directory(node: MirrorNode, followed: boolean): void {
    if (followed && this.pzxid === 0n) this.newestJoin = node.czxid;
    if (node.deletions === undefined && node.pzxid > this.pzxid && node.pzxid > this.newestJoin) {
      this.unexplained = node.pzxid;
    }
    if (node.pzxid > this.pzxid) this.pzxid = node.pzxid;
    if (node.deletions === undefined) return;
    this.accounted ??= followed ? 0 : node.deletions;
    this.deletions = node.deletions;
  }

  joined(czxid: bigint): void {
    if (czxid > this.newestJoin) this.newestJoin = czxid;
    if (czxid === this.unexplained) this.unexplained = undefined;
  }

  gone(): void {
    this.left += 1;
  }

  doubt(): bigint | undefined {
    const { deletions, accounted } = this;
    if (deletions === undefined || accounted === undefined) return this.unexplained;
    return deletions - accounted > this.left ? this.pzxid : undefined;
  }

  settle(): void {
    this.accounted = this.deletions;
    this.left = 0;
    this.unexplained = undefined;
  }

  restart(): void {
    this.deletions = undefined;
    this.accounted = undefined;
    this.pzxid = 0n;
    this.left = 0;
    this.unexplained = undefined;
  }
}
