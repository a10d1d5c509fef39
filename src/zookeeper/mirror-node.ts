import type { Stat, ZnodePath } from './api.ts';
import type { MirrorNode } from './mirror-api.ts';
import { childOf } from './mirror-paths.ts';

/** Where a node is: its directory and its name there. */
export interface NodePlace {
  readonly parent: ZnodePath;
  readonly name: string;
}

/** What may have moved although the node is the same, and was not written: its children came or went. Both only ever grow. */
interface Movement {
  readonly pzxid: bigint;
  readonly deletions: number;
}

/** A node of the tree; what its stat tells of its children is known. */
export type KnownNode = MirrorNode & Movement;

/**
 * A node of the tree. There may be a million of them: a class, so that the path costs nothing while nobody asks for it.
 */
export class TreeNode implements MirrorNode {
  readonly parent: ZnodePath;
  readonly name: string;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly version: number;
  readonly ephemeralOwner: bigint;
  readonly ctimeMs: number;
  readonly deletions: number;
  readonly data: Buffer | undefined;

  constructor(
    { parent, name }: NodePlace,
    stat: Pick<Stat, 'czxid' | 'mzxid' | 'version' | 'ephemeralOwner' | 'ctimeMs'>,
    { pzxid, deletions }: Movement,
    data: Buffer | undefined,
  ) {
    this.parent = parent;
    this.name = name;
    this.czxid = stat.czxid;
    this.mzxid = stat.mzxid;
    this.pzxid = pzxid;
    this.version = stat.version;
    this.ephemeralOwner = stat.ephemeralOwner;
    this.ctimeMs = stat.ctimeMs;
    this.deletions = deletions;
    this.data = data;
  }

  get path(): ZnodePath {
    return childOf(this.parent, this.name);
  }
}

/** ZooKeeper counts creates and deletes of children together; what is there now was created once more than deleted. */
export function deletionsIn({ cversion, numChildren }: Stat): number {
  return (cversion - numChildren) / 2;
}

export function movementOf(stat: Stat): Movement {
  return { pzxid: stat.pzxid, deletions: deletionsIn(stat) };
}

export function laterMovement(known: Movement, pzxid: bigint, deletions: number): Movement {
  return {
    pzxid: known.pzxid > pzxid ? known.pzxid : pzxid,
    deletions: known.deletions > deletions ? known.deletions : deletions,
  };
}
