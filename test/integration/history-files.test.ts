import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { historyFiles } from '../../src/aggregator/history-files.ts';
import { historyRing, type NewHistoryEntry } from '../../src/aggregator/history.ts';
import { silentLogger } from '../../src/kernel/log.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rollcall-history-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function entry(id: string): NewHistoryEntry {
  return {
    at: '2026-01-01T00:00:00.000Z',
    service: 'orders',
    id,
    event: 'joined',
    cause: undefined,
    zxid: 5n,
    znode: undefined,
    detail: 'it joined',
  };
}

async function reopened(path = dir): Promise<readonly string[]> {
  await using files = await historyFiles({ dir: path, logger: silentLogger });
  return historyRing({ loaded: files.loaded })
    .query({ limit: 1000 })
    .map(({ id }) => id);
}

test('history outlives the daemon, with its amendments, and is counted on', async () => {
  {
    await using files = await historyFiles({ dir, logger: silentLogger });
    const ring = historyRing({ store: files });
    const first = ring.append({ ...entry('a'), event: 'left', cause: 'crashed-or-expired' });
    ring.append(entry('b'));
    ring.amend({ seq: first.seq, cause: 'deleted-by-other', detail: 'its session lives on' });
  }
  await using files = await historyFiles({ dir, logger: silentLogger });
  const ring = historyRing({ loaded: files.loaded, store: files });
  expect(ring.query({ limit: 10 })).toMatchObject([
    { id: 'a', cause: 'deleted-by-other' },
    { id: 'b' },
  ]);
  expect(ring.append(entry('c')).seq).toBe(3);
});

test('a line that a crash tore off is cut away, and the next one begins a line of its own', async () => {
  {
    await using files = await historyFiles({ dir, logger: silentLogger });
    historyRing({ store: files }).append(entry('a'));
  }
  const [name] = await readdir(dir);
  const path = join(dir, String(name));
  await appendFile(path, '{"seq":2,"at":"2026-');
  {
    await using files = await historyFiles({ dir, logger: silentLogger });
    historyRing({ loaded: files.loaded, store: files }).append(entry('b'));
  }
  expect((await readFile(path, 'utf8')).split('\n').filter(line => line !== '')).toHaveLength(2);
  expect(await reopened()).toEqual(['a', 'b']);
});

test('files are bounded in size and number, and the newest entries stay', async () => {
  await using files = await historyFiles({
    dir,
    logger: silentLogger,
    maxFileBytes: 2000,
    maxFiles: 3,
  });
  const ring = historyRing({ store: files });
  for (let at = 0; at < 200; at += 1) {
    ring.append(entry(`id-${at}`));
    await files.flush();
  }
  const names = await readdir(dir);
  expect(names).toHaveLength(3);
  for (const name of names) expect((await stat(join(dir, name))).size).toBeLessThan(2500);
  const kept = await reopened();
  expect(kept.at(-1)).toBe('id-199');
  expect(kept.length).toBeGreaterThan(20);
});

test('a disk that fails is logged once, harms nothing, and gets what it missed when it works again', async () => {
  const blocked = join(dir, 'blocked');
  await writeFile(blocked, 'a file where the directory should be');
  const logger = { ...silentLogger, error: vi.fn(), info: vi.fn() };
  await using files = await historyFiles({ dir: blocked, logger });
  const ring = historyRing({ store: files });
  for (let at = 0; at < 10; at += 1) {
    ring.append(entry(`id-${at}`));
    await files.flush();
  }
  expect(ring.query({ limit: 100 })).toHaveLength(10);
  expect(logger.error).toHaveBeenCalledTimes(1);
  await rm(blocked);
  ring.append(entry('last'));
  await files.flush();
  expect(logger.info).toHaveBeenCalledTimes(1);
  expect(await reopened(blocked)).toHaveLength(11);
});
