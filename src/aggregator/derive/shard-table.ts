import { encodeShard } from './codec.ts';
import { SHARD_GROW_BYTES, shardCount, type ShardName, shardOf } from './shards.ts';

/** Which summaries lie in which shard, and which shards say something else than what was written last. */
export interface ShardTable {
  readonly count: number;
  /** A service's encoded summary, or undefined when the service is no more. What says the same as before changes nothing. */
  set(service: string, encoded: string | undefined): void;
  /** The shards to be written, of the present count. */
  readonly dirty: readonly ShardName[];
  /** The bytes of one shard as it is now; it counts as written from here on. */
  take(shard: ShardName): Buffer;
  /** It could not be written after all. Of another count than the present one, it is void. */
  putBack(shard: ShardName): void;
}

export interface ShardTableOptions {
  /** Of the term that writes. */
  readonly token: bigint;
  readonly growBytes?: number;
}

interface Shard {
  readonly parts: Map<string, string>;
  bytes: number;
}

export function shardTable({ token, growBytes = SHARD_GROW_BYTES }: ShardTableOptions): ShardTable {
  let count = 1;
  let shards: readonly Shard[] = [{ parts: new Map(), bytes: 0 }];
  const dirty = new Set<number>([0]);

  const at = (index: number): Shard => {
    const shard = shards[index];
    if (shard === undefined) throw new RangeError(`there is no shard ${index} of ${count}`);
    return shard;
  };

  const place = (service: string, encoded: string): void => {
    const shard = at(shardOf(service, count));
    shard.parts.set(service, encoded);
    shard.bytes += Buffer.byteLength(encoded) + 1;
  };

  /** Every shard is written anew, under its new name. */
  const grow = (): void => {
    const all = shards.flatMap(({ parts }) => [...parts]);
    const sizes = all.map(([name, encoded]) => [name, Buffer.byteLength(encoded) + 1] as const);
    const grown = shardCount(sizes, count, growBytes);
    if (grown === count) return;
    count = grown;
    shards = Array.from({ length: count }, () => ({ parts: new Map<string, string>(), bytes: 0 }));
    for (const [service, encoded] of all) place(service, encoded);
    dirty.clear();
    for (let index = 0; index < count; index += 1) dirty.add(index);
  };

  return {
    get count() {
      return count;
    },
    set(service, encoded) {
      const index = shardOf(service, count);
      const shard = at(index);
      const before = shard.parts.get(service);
      if (before === encoded) return;
      dirty.add(index);
      if (before !== undefined) shard.bytes -= Buffer.byteLength(before) + 1;
      if (encoded === undefined) shard.parts.delete(service);
      else place(service, encoded);
      if (shard.bytes >= growBytes) grow();
    },
    get dirty() {
      return [...dirty].sort((a, b) => a - b).map(index => ({ count, index }));
    },
    take(shard) {
      dirty.delete(shard.index);
      return encodeShard([...at(shard.index).parts.values()], token);
    },
    putBack(shard) {
      if (shard.count === count) dirty.add(shard.index);
    },
  };
}
