import type { Stat } from '../../zookeeper/index.ts';

export type NodeKind =
  | { readonly kind: 'persistent' | 'ephemeral' | 'container' }
  | { readonly kind: 'ttl'; readonly ttlMs: number };

/** `EphemeralType` of Apache ZooKeeper: the owner's 64 bits also say what is no session. */
const CONTAINER = 0x8000_0000_0000_0000n;
const TTL_MASK = 0xffff_ff00_0000_0000n;
const TTL_MARK = 0xff00_0000_0000_0000n;

export function nodeKind({ ephemeralOwner }: Pick<Stat, 'ephemeralOwner'>): NodeKind {
  const owner = BigInt.asUintN(64, ephemeralOwner);
  if (owner === 0n) return { kind: 'persistent' };
  if (owner === CONTAINER) return { kind: 'container' };
  if ((owner & TTL_MASK) === TTL_MARK) return { kind: 'ttl', ttlMs: Number(owner & ~TTL_MASK) };
  return { kind: 'ephemeral' };
}

/** How many nodes were ever made below it: the number that the next sequential one gets. */
export function sequenceCounter({ cversion, numChildren }: Pick<Stat, 'cversion' | 'numChildren'>) {
  return (cversion + numChildren) / 2;
}
