import { expect, test } from 'vitest';
import { decodeShard, encodeService } from '../../src/aggregator/derive/codec.ts';
import { shardTable } from '../../src/aggregator/derive/shard-table.ts';
import { parseShardNode, shardNode } from '../../src/aggregator/derive/shards.ts';
import { counts } from '../support/derived-facts.ts';

function summary(name: string, flaps = 0): string {
  const none = { zones: {}, versions: {}, lastChange: undefined };
  return encodeService({ name, health: 'healthy', counts: counts(), flaps, ...none });
}

const names = (bytes: Buffer): readonly string[] => [...decodeShard(bytes).keys()];

test('a term begins with everything to be written, also when there is nothing', () => {
  const table = shardTable({ token: 7n });
  expect(table.dirty).toEqual([{ count: 1, index: 0 }]);
  const bytes = table.take({ count: 1, index: 0 });
  expect(JSON.parse(bytes.toString())).toMatchObject({ v: 1, token: '7', services: [] });
  expect(table.dirty).toEqual([]);
});

test('only what says something else makes a shard dirty, and a failed write makes it dirty again', () => {
  const table = shardTable({ token: 7n });
  const [shard] = [{ count: 1, index: 0 }];
  table.set('orders', summary('orders'));
  expect(names(table.take(shard))).toEqual(['orders']);
  table.set('orders', summary('orders'));
  table.set('unknown', undefined);
  expect(table.dirty).toEqual([]);
  table.set('orders', summary('orders', 1));
  expect(table.dirty).toEqual([shard]);
  table.take(shard);
  table.putBack(shard);
  expect(table.dirty).toEqual([shard]);
  table.set('orders', undefined);
  expect(names(table.take(shard))).toEqual([]);
});

test('shards split in two when one nears the bound, and no service is lost or doubled', () => {
  const table = shardTable({ token: 7n, growBytes: 4_000 });
  const services = Array.from({ length: 200 }, (_, at) => `service-${at}`);
  for (const service of services) table.set(service, summary(service));
  expect(table.count).toBeGreaterThanOrEqual(8);
  expect(Math.log2(table.count) % 1).toBe(0);
  expect(table.dirty).toHaveLength(table.count);
  const written = table.dirty.map(shard => ({ shard, bytes: table.take(shard) }));
  for (const { shard, bytes } of written) {
    expect(bytes.length).toBeLessThan(4_200);
    expect(parseShardNode(shardNode(shard))).toEqual(shard);
  }
  expect(written.flatMap(({ bytes }) => names(bytes)).sort()).toEqual([...services].sort());
  table.set('service-3', summary('service-3', 2));
  expect(table.dirty).toHaveLength(1);
});

test('a shard of a count that is no more is not put back', () => {
  const table = shardTable({ token: 7n, growBytes: 4_000 });
  const old = { count: 1, index: 0 };
  table.take(old);
  for (let at = 0; at < 100; at += 1) table.set(`s-${at}`, summary(`s-${at}`));
  for (const shard of table.dirty) table.take(shard);
  table.putBack(old);
  expect(table.dirty).toEqual([]);
});
