import { expect, onTestFinished, test, vi } from 'vitest';
import { derivedReader } from '../../src/aggregator/derived.ts';
import { encodeOverview, encodeService, encodeShard } from '../../src/aggregator/derive/codec.ts';
import type { MirrorBatch } from '../../src/zookeeper/index.ts';
import { counts } from '../support/derived-facts.ts';
import { mirrorNode } from '../support/mirror-node.ts';
import { scriptedView, where } from '../support/scripted-view.ts';

const summary = (name: string, flaps = 0): string =>
  encodeService({
    name,
    health: 'healthy',
    counts: counts(),
    zones: {},
    versions: {},
    flaps,
    lastChange: undefined,
  });

const overview = encodeOverview({
  writtenAt: '2026-01-01T00:00:00.000Z',
  by: 'm',
  token: '1',
  services: 1,
  providers: 1,
  counts: counts(),
});

const put = (path: string, mzxid: bigint, data: Buffer): MirrorBatch => ({
  reason: 'watch',
  watermarkBefore: 0n,
  eventAtMs: undefined,
  changes: [
    { kind: 'put', node: mirrorNode(path, { czxid: 1n, mzxid }), data, previous: undefined },
  ],
});

test('a write of one shard costs the decoding of that one, and what says the same keeps its identity', () => {
  const reader = derivedReader(where);
  const decoding = vi.spyOn(JSON, 'parse');
  onTestFinished(() => decoding.mockRestore());
  const place = (at: string): string => `${where.derived}/summaries/${at}`;
  const write = (at: string, mzxid: bigint, ...parts: readonly string[]): string => {
    const data = encodeShard(parts, 1n);
    expect(reader.apply(put(place(at), mzxid, data))).toBe(true);
    return data.toString();
  };
  const decoded = (): readonly string[] => decoding.mock.calls.map(([text]) => text).toSorted();
  const texts = [
    write('2-0', 10n, summary('a'), summary('b')),
    write('2-1', 11n, summary('c'), summary('d')),
  ];
  expect(decoded()).toEqual([]);
  const before = reader.snapshot();
  const [a, b, c, d] = before.services;
  expect(decoded()).toEqual(texts);
  decoding.mockClear();
  const rewritten = write('2-1', 12n, summary('c'), summary('d', 3));
  const after = reader.snapshot();
  expect(after).not.toBe(before);
  expect([after.service('a'), after.service('c'), after.service('d')?.flaps]).toEqual([a, c, 3]);
  expect(after.service('a')).toBe(a);
  expect(after.service('b')).toBe(b);
  expect(after.service('c')).toBe(c);
  expect(decoded()).toEqual([rewritten]);
  expect(before.service('d')).toBe(d);
  expect(after.service('nobody')).toBeUndefined();
});

test('a shard that nobody has looked into yet does not keep the answer that it came in', () => {
  const reader = derivedReader(where);
  const data = encodeShard([summary('a', 7)], 1n);
  const answer = Buffer.concat([Buffer.alloc(1_000), data, Buffer.alloc(1_000)]);
  const part = answer.subarray(1_000, 1_000 + data.length);
  reader.apply(put(`${where.derived}/summaries/1-0`, 10n, part));
  answer.fill(0);
  expect(reader.snapshot().service('a')?.flaps).toBe(7);
});

test('while shards of two counts stand side by side, the younger one speaks for a service', () => {
  const reader = derivedReader(where);
  reader.apply(put(`${where.derived}/summaries/2-0`, 20n, encodeShard([summary('a', 2)], 1n)));
  reader.apply(put(`${where.derived}/summaries/1-0`, 10n, encodeShard([summary('a', 1)], 1n)));
  expect(reader.snapshot().service('a')?.flaps).toBe(2);
  expect(reader.snapshot().services.map(({ flaps }) => flaps)).toEqual([2]);
});

test('the index of what is derived does not run ahead of a node that is still to be read or applied', () => {
  const reader = derivedReader(where);
  const { mirror, view, live } = scriptedView({
    onBegin: batch => (reader.apply(batch) ? ['derived'] : []),
    publishDerived: reader.publish,
  });
  live(90n);
  let calls = 0;
  view.onTopic('derived', () => (calls += 1));
  const late = `${where.derived}/summaries/1-0`;
  mirror.move({ pending: [late, 94n] });
  mirror.put(`${where.derived}/overview`, overview, { zxid: 100n });
  mirror.deliver({ watermark: 94n });
  expect(calls).toBe(1);
  expect(reader.snapshot()).toMatchObject({ index: 94n, overview: { by: 'm' }, services: [] });
  mirror.move({ pending: [late, undefined] });
  mirror.put(late, encodeShard([summary('a')], 1n), { zxid: 95n });
  mirror.deliver({ watermark: 100n });
  expect(reader.snapshot()).toMatchObject({ index: 100n, services: [{ name: 'a' }] });
  expect(calls).toBeGreaterThan(1);
});

test('after the ensemble was rebuilt the index of what is derived is that of what is there now', () => {
  const reader = derivedReader(where);
  reader.apply(put(`${where.derived}/overview`, 100n, overview));
  reader.publish(undefined);
  reader.apply(put(`${where.derived}/overview`, 5n, overview));
  reader.restart();
  reader.publish(undefined);
  expect(reader.snapshot().index).toBe(5n);
});
