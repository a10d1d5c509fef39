import { expect, test } from 'vitest';
import { shardTable } from '../../src/aggregator/derive/shard-table.ts';
import { NO_COUNTS } from '../../src/aggregator/derive/summary.ts';
import type { WriteResult } from '../../src/aggregator/derived-writer.ts';
import { masterWrites } from '../../src/aggregator/master-writes.ts';
import { layout } from '../../src/registry/index.ts';
import { manualClock } from '../../src/testing/index.ts';
import type { Session, ZnodePath } from '../../src/zookeeper/index.ts';

const LOCKED: ZnodePath = '/rollcall/services/locked/providers/x';
const FREE: ZnodePath = '/rollcall/services/free/providers/y';

/** A master whose writes all succeed, but for what `remove` says of removals. */
function master(remove: (path: ZnodePath) => WriteResult) {
  const clock = manualClock();
  const leaving = new Map<ZnodePath, bigint>();
  const tried: ZnodePath[] = [];
  const session = {
    exists: async () => ({}),
    getChildren: async () => ({ children: [] }),
  } as unknown as Session;
  const write = masterWrites({
    session,
    where: layout(),
    id: 'm',
    token: 1n,
    clock,
    signal: new AbortController().signal,
    table: shardTable({ token: 1n }),
    summaries: {
      leaving,
      overview: () => ({ services: 0, providers: 0, counts: NO_COUNTS }),
      refresh: async () => undefined,
    },
    writer: {
      put: async () => 'ok',
      async remove(path) {
        tried.push(path);
        return remove(path);
      },
    },
  });
  return { clock, leaving, tried, write };
}

test('a leaving node that cannot be removed keeps neither the others nor the end of the round', async () => {
  const { leaving, tried, write } = master(path => (path === LOCKED ? 'error' : 'ok'));
  leaving.set(LOCKED, 1n).set(FREE, 2n);
  expect(await write()).toBe(true);
  expect(tried).toEqual([LOCKED, FREE]);
  expect([...leaving.keys()]).toEqual([LOCKED]);
});

test('what could not be removed is tried again after a while, and less and less often', async () => {
  const { clock, leaving, tried, write } = master(() => 'error');
  leaving.set(LOCKED, 1n);
  const triesIn = async (seconds: number): Promise<number> => {
    const before = tried.length;
    for (let second = 0; second < seconds; second += 1) {
      await write();
      await clock.advance(1_000);
    }
    return tried.length - before;
  };
  expect(await triesIn(15)).toBe(1);
  expect(await triesIn(30)).toBe(1);
  expect(await triesIn(60)).toBe(1);
  expect(await triesIn(3_600)).toBeLessThan(10);
  expect(await triesIn(3_600)).toBe(6);
});

test('a refusal that is over begins anew with the next one', async () => {
  let result: WriteResult = 'error';
  const { clock, leaving, tried, write } = master(() => result);
  leaving.set(LOCKED, 1n);
  await write();
  await clock.advance(15_000);
  result = 'ok';
  await write();
  expect(leaving.size).toBe(0);
  result = 'error';
  leaving.set(LOCKED, 7n);
  await write();
  await clock.advance(15_000);
  await write();
  expect(tried).toHaveLength(4);
});

test('a removal that the fence refuses ends the term', async () => {
  const { leaving, write } = master(() => 'fenced');
  leaving.set(FREE, 1n);
  await expect(write()).rejects.toMatchObject({ code: 'FENCED' });
});
