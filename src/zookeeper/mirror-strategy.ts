import type { Stat, WatchEvent, ZnodePath } from './api.ts';
import type { Need } from './mirror-pending.ts';
import type { Found, FoundSiblings, ReadItem, ReadNode, SiblingsItem } from './mirror-reads.ts';

/** How changes come to be known, and how what they announce is read. Two of these stand behind one mirror. */
export interface WatchStrategy {
  readonly kind: 'persistent-recursive' | 'child-lists';
  /** Most nodes and lists of one read. */
  readonly readItems: number;
  /** What tells since when a deleted node is gone: its parent's stat, or the parent's list with its stat. */
  readonly goneBy: 'stat' | 'children';
  /** Puts the watches on the roots in place, before anything is read. To be called at each attachment. */
  arm(signal: AbortSignal): Promise<void>;
  /**
   * Reads all items; answers in their order. Where a path needs a watch of its own, it is armed in the same request.
   * @throws when the connection ends; what went wrong with one path alone is `failed`.
   */
  read(items: readonly ReadItem[], signal: AbortSignal): Promise<readonly Found[]>;
  /** The same, also of many nodes of one directory as one item. undefined: of this server, or with watches on each, there is no such read. */
  readonly readSiblings:
    | ((
        items: readonly (ReadItem | SiblingsItem)[],
        signal: AbortSignal,
      ) => Promise<readonly (Found | FoundSiblings)[]>)
    | undefined;
  /** Whether a node that was just read must have its children listed too. `unsure`: no event will tell of children that it has already. */
  wantsList(node: Pick<ReadNode, 'path' | 'stat'>, unsure: boolean): boolean;
  /** An event of this path was missed: whatever watch is thought to be there is not. */
  distrust(path: ZnodePath): void;
  /** Takes all watches away. */
  close(): Promise<void>;
}

/** Told synchronously of each event, as what it asks for. */
export type EventSink = (path: ZnodePath, need: Need, event: WatchEvent) => void;

/** Containers and TTL nodes carry a mark with the sign bit where an ephemeral node has its session. */
export function mayHaveChildren(stat: Stat): boolean {
  return stat.numChildren > 0 || BigInt.asIntN(64, stat.ephemeralOwner) <= 0n;
}
