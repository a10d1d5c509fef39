import { expect, test } from 'vitest';
import { historyRing, type NewHistoryEntry } from '../../src/aggregator/history.ts';

function entry(service: string, id: string, atMs = 0): NewHistoryEntry {
  return {
    at: new Date(atMs).toISOString(),
    service,
    id,
    event: 'left',
    cause: 'crashed-or-expired',
    zxid: 5n,
    znode: undefined,
    detail: 'gone',
  };
}

const ids = (entries: readonly { readonly id: string }[]): readonly string[] =>
  entries.map(({ id }) => id);

test('history is asked by service, id, time and number, and answers with the newest last', () => {
  const ring = historyRing();
  ring.append(entry('orders', 'a', 1000));
  ring.append(entry('payments', 'b', 2000));
  ring.append(entry('orders', 'c', 3000));
  ring.append(entry('orders', 'a', 4000));
  expect(ids(ring.query({ limit: 10 }))).toEqual(['a', 'b', 'c', 'a']);
  expect(ids(ring.query({ service: 'orders', limit: 2 }))).toEqual(['c', 'a']);
  expect(ids(ring.query({ service: 'orders', id: 'a', limit: 10 }))).toEqual(['a', 'a']);
  expect(ids(ring.query({ sinceWallMs: 3000, limit: 10 }))).toEqual(['c', 'a']);
  expect(ring.query({ service: 'unknown', limit: 10 })).toEqual([]);
  expect(ring.query({ limit: 10 }).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test('one service that flaps pushes out its own entries, not those of others', () => {
  const ring = historyRing({ capacity: 100, perService: 20 });
  ring.append(entry('quiet', 'q'));
  for (let at = 0; at < 1000; at += 1) ring.append(entry('noisy', `n${at}`));
  expect(ids(ring.query({ service: 'quiet', limit: 10 }))).toEqual(['q']);
  expect(ring.query({ service: 'noisy', limit: 1000 })).toHaveLength(20);
  expect(ring.size).toBe(21);
});

test('the whole is bounded too, and the oldest goes first', () => {
  const ring = historyRing({ capacity: 10, perService: 5 });
  for (let at = 0; at < 100; at += 1) ring.append(entry(`s${at}`, `id${at}`));
  expect(ids(ring.query({ limit: 100 }))).toEqual(
    Array.from({ length: 10 }, (_, at) => `id${90 + at}`),
  );
  expect(ring.query({ service: 's0', limit: 1 })).toEqual([]);
});

test('an amended entry keeps its place; one that is forgotten cannot be amended', () => {
  const ring = historyRing({ capacity: 2, perService: 2 });
  const first = ring.append(entry('orders', 'a'));
  const second = ring.append(entry('orders', 'b'));
  ring.append(entry('orders', 'c'));
  const amendment = { cause: 'deleted-by-other', detail: 'its session lives on' } as const;
  expect(ring.amend({ seq: first.seq, ...amendment })).toBe(false);
  expect(ring.amend({ seq: second.seq, ...amendment })).toBe(true);
  expect(ring.query({ limit: 5 })).toMatchObject([
    { id: 'b', ...amendment },
    { id: 'c', cause: 'crashed-or-expired' },
  ]);
});
