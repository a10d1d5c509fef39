import type { MirrorNode } from '../../src/zookeeper/index.ts';

/** A node as the mirror would tell of it: what is not said is zero, or empty. */
export function mirrorNode(path: string, facts: Partial<MirrorNode> = {}): MirrorNode {
  const slash = path.lastIndexOf('/');
  const { czxid = 0n } = facts;
  return {
    parent: slash === 0 ? '/' : path.slice(0, slash),
    name: path.slice(slash + 1),
    mzxid: czxid,
    pzxid: czxid,
    version: 0,
    ephemeralOwner: 0n,
    ctimeMs: 0,
    data: undefined,
    ...facts,
    path,
    czxid,
  };
}
