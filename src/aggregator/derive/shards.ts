/**
 * Which shard of `<root>/derived/summaries` a service's summary lies in. A shard is named `<count>-<index>`: of how many it is
 * one, and which. Counts are powers of two, so that growing splits every shard in two.
 */

/** A shard that is larger makes the count grow: with the largest summary there can be, about 100 KiB, it stays below 512 KiB. */
export const SHARD_GROW_BYTES = 384 * 1024;
export const MAX_SHARDS = 1024;

export interface ShardName {
  readonly count: number;
  readonly index: number;
}

/** FNV-1a over UTF-16 code units: small, stable over releases and machines; not for secrets. */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash ^= text.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

export function shardOf(service: string, count: number): number {
  return stableHash(service) % count;
}

export function shardNode({ count, index }: ShardName): string {
  return `${count}-${index}`;
}

/** undefined for a name that no release of ours writes. */
export function parseShardNode(node: string): ShardName | undefined {
  const found = /^(\d{1,4})-(\d{1,4})$/.exec(node);
  if (found === null) return undefined;
  const count = Number(found[1]);
  const index = Number(found[2]);
  const power = count > 0 && count <= MAX_SHARDS && (count & (count - 1)) === 0;
  return power && index < count ? { count, index } : undefined;
}

/**
 * The smallest count, at least `atLeast`, whose shards all stay below `growBytes`; MAX_SHARDS when none does.
 * @param sizes encoded bytes by service.
 */
export function shardCount(
  sizes: Iterable<readonly [service: string, bytes: number]>,
  atLeast = 1,
  growBytes = SHARD_GROW_BYTES,
): number {
  const all = [...sizes].map(([service, bytes]) => ({ hash: stableHash(service), bytes }));
  for (let count = atLeast; count < MAX_SHARDS; count *= 2) {
    const sums = Array.from({ length: count }, () => 0);
    let largest = 0;
    for (const { hash, bytes } of all) {
      const sum = (sums[hash % count] ?? 0) + bytes;
      sums[hash % count] = sum;
      largest = Math.max(largest, sum);
    }
    if (largest < growBytes) return count;
  }
  return MAX_SHARDS;
}
