import { expect, test } from 'vitest';
import { JuteReader } from '../../../src/kernel/jute.ts';
import { OP } from '../../../src/zookeeper/protocol.ts';
import { rearmRequests } from '../../../src/zookeeper/rearm.ts';
import type { RearmPaths } from '../../../src/zookeeper/watch-hub.ts';

const nothing: RearmPaths = { data: [], exists: [], child: [], persistent: [], recursive: [] };

function lists(
  frame: Buffer,
  count: number,
): { readonly zxid: bigint; readonly lists: (string | undefined)[][] } {
  const reader = new JuteReader(frame, 12);
  const zxid = reader.long();
  const read = (): (string | undefined)[] => reader.vector(() => reader.string()) ?? [];
  return { zxid, lists: Array.from({ length: count }, read) };
}

test('no watches, no request', () => {
  expect(rearmRequests(nothing, 1n)).toEqual([]);
});

test('one-shots alone go by SetWatches, which every server knows', () => {
  const [request] = rearmRequests(
    { ...nothing, data: ['/a'], exists: ['/b'], child: ['/c', '/d'] },
    7n,
  );
  expect(request?.op).toBe(OP.setWatches);
  expect(lists(request?.frame ?? Buffer.alloc(0), 3)).toEqual({
    zxid: 7n,
    lists: [['/a'], ['/b'], ['/c', '/d']],
  });
});

test('persistent watches go by SetWatches2', () => {
  const [request] = rearmRequests(
    { ...nothing, child: ['/c'], persistent: ['/p'], recursive: ['/r'] },
    7n,
  );
  expect(request?.op).toBe(OP.setWatches2);
  expect(lists(request?.frame ?? Buffer.alloc(0), 5).lists).toEqual([
    [],
    [],
    ['/c'],
    ['/p'],
    ['/r'],
  ]);
});

test('many paths go in packets of bounded size, none twice and none left out', () => {
  const paths = Array.from({ length: 1000 }, (_, index) => `/${'n'.repeat(50)}${index}`);
  const requests = rearmRequests(
    { ...nothing, data: paths.slice(0, 700), child: paths.slice(700) },
    7n,
    4096,
  );
  const seen = requests.flatMap(({ frame }) => lists(frame, 3).lists.flat());
  expect(seen).toEqual(paths);
  for (const { frame } of requests) expect(frame.length).toBeLessThanOrEqual(4096 + 64);
});
