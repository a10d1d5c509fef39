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
  let deletions: number | undefined;
  let accounted: number | undefined;
  let pzxid = 0n;
  let newestJoin = 0n;
  let gone = 0;
  /** The newest pzxid that no join explains, of a directory that does not tell its deletions. */
  let unexplained: bigint | undefined;

  const unseen = (): bigint | undefined => {
    if (deletions === undefined || accounted === undefined) return unexplained;
    return deletions - accounted > gone ? pzxid : undefined;
  };

  return {
    directory(node, followed) {
      if (followed && pzxid === 0n) newestJoin = node.czxid;
      if (node.deletions === undefined && node.pzxid > pzxid && node.pzxid > newestJoin) {
        unexplained = node.pzxid;
      }
      if (node.pzxid > pzxid) pzxid = node.pzxid;
      if (node.deletions === undefined) return;
      accounted ??= followed ? 0 : node.deletions;
      deletions = node.deletions;
    },
    joined(czxid) {
      if (czxid > newestJoin) newestJoin = czxid;
      if (czxid === unexplained) unexplained = undefined;
    },
    gone() {
      gone += 1;
    },
    settle() {
      accounted = deletions;
      gone = 0;
      unexplained = undefined;
    },
    doubt: unseen,
    restart() {
      deletions = undefined;
      accounted = undefined;
      pzxid = 0n;
      gone = 0;
      unexplained = undefined;
    },
  };
}
