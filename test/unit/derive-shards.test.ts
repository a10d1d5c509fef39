import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  MAX_SHARDS,
  parseShardNode,
  shardCount,
  shardNode,
  shardOf,
  stableHash,
} from '../../src/aggregator/derive/shards.ts';

test('the hash is the published FNV-1a, so that every release finds a service in the same shard', () => {
  expect(stableHash('')).toBe(0x811c9dc5);
  expect(stableHash('a')).toBe(0xe40c292c);
  expect(stableHash('foobar')).toBe(0xbf9cf968);
});

test('doubling the count splits each shard in two and mixes nothing', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 9 }), (service, power) => {
      const count = 2 ** power;
      const before = shardOf(service, count);
      expect([before, before + count]).toContain(shardOf(service, count * 2));
    }),
  );
});

test.each([
  ['1-0', { count: 1, index: 0 }],
  ['8-7', { count: 8, index: 7 }],
  ['1024-1023', { count: 1024, index: 1023 }],
  ['8-8', undefined],
  ['3-0', undefined],
  ['0-0', undefined],
  ['2048-0', undefined],
  ['1-', undefined],
  ['x', undefined],
])('the node %s is read as %o', (node, shard) => {
  expect(parseShardNode(node)).toEqual(shard);
  if (shard !== undefined) expect(shardNode(shard)).toBe(node);
});

test('the count is the smallest power of two that keeps every shard below the bound, and never shrinks on its own', () => {
  const sizes = Array.from({ length: 1000 }, (_, at) => [`service-${at}`, 1000] as const);
  expect(shardCount([], 1, 100_000)).toBe(1);
  expect(shardCount([], 4, 100_000)).toBe(4);
  const count = shardCount(sizes, 1, 100_000);
  expect(count).toBe(16);
  const sums = new Map<number, number>();
  for (const [service, bytes] of sizes) {
    const shard = shardOf(service, count);
    sums.set(shard, (sums.get(shard) ?? 0) + bytes);
  }
  expect(Math.max(...sums.values())).toBeLessThan(100_000);
  expect(shardCount([['huge', 1_000_000]], 1, 100_000)).toBe(MAX_SHARDS);
});
