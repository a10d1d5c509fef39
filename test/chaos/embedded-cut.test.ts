import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { OPEN_ACL } from '../../src/embedded/acl.ts';
import { applyChange, type Change } from '../../src/embedded/change.ts';
import type { Store } from '../../src/embedded/journal.ts';
import { openStore } from '../../src/embedded/log/store.ts';
import { freshTree } from '../../src/embedded/tree.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { manualClock } from '../../src/testing/index.ts';
import { type DiskStep, rewind, tape } from '../support/disk-tape.ts';
import { eventually } from '../support/eventually.ts';
import { type ReplayedDisk, replayedDisk } from '../support/replayed-disk.ts';

vi.mock('node:fs/promises', async original =>
  (await import('../support/disk-tape.ts')).tapedPromises(await original()),
);

/** So small that the log is folded into a snapshot. */
const SNAPSHOT_AFTER_BYTES = 500;
const TRANSACTIONS = 12;

let folder: string;
let folders = 0;
const newFolder = (): string => join(folder, `life-${(folders += 1)}`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-cut-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(rewind);

const made = (path: string, owner = 0n): Change => ({
  kind: 'create',
  path,
  data: Buffer.from(`data of ${path}`),
  acl: OPEN_ACL,
  life: owner === 0n ? 'persistent' : 'ephemeral',
  owner,
  ttlMs: 0,
});

/** A session comes, makes a node, changes another, makes two at once, and goes with its node; again and again. */
function changesOf(index: number): readonly Change[] {
  const round = Math.floor(index / 6);
  const sessionId = BigInt(round + 1);
  const steps: readonly (readonly Change[])[] = [
    [{ kind: 'open-session', sessionId, timeoutMs: 4_000 }],
    [made(`/e-${round}`, sessionId)],
    [made(`/n-${round}`), made(`/n-${round}/below`)],
    [],
    [{ kind: 'set-data', path: `/n-${round}`, data: Buffer.from('changed') }],
    [
      { kind: 'delete', path: `/e-${round}` },
      { kind: 'close-session', sessionId },
    ],
  ];
  return steps[index % 6] ?? [];
}

const timeOf = (zxid: number): number => zxid % 1_000_003;

function knownAfter(firstZxid: number, count: number): unknown {
  const tree = freshTree();
  const sessions = new Map<bigint, number>();
  for (let index = 0; index < count; index += 1) {
    const zxid = firstZxid + index + 1;
    for (const change of changesOf(index)) {
      applyChange(tree, change, zxid, timeOf(zxid));
      if (change.kind === 'open-session') sessions.set(change.sessionId, change.timeoutMs);
      if (change.kind === 'close-session') sessions.delete(change.sessionId);
    }
  }
  return { nodes: new Map(tree.entries()), sessions };
}

const knownTo = ({ tree, sessions }: Store): unknown => ({
  nodes: new Map(tree.entries()),
  sessions,
});

function append({ tree, journal }: Store, zxid: number, index: number): void {
  const changes = changesOf(index);
  for (const change of changes) applyChange(tree, change, zxid, timeOf(zxid));
  journal.append({ zxid, timeMs: timeOf(zxid), changes });
  journal.flush();
}

const clock = manualClock();
const open = (dataDir: string): Promise<Store> =>
  openStore(dataDir, { clock, logger: silentLogger, snapshotAfterBytes: SNAPSHOT_AFTER_BYTES });

/** Lives until all is durable, and is left as `kill -9` leaves it. Writes come alone and several together. */
async function live(dataDir: string, from = 0): Promise<number> {
  const store = await open(dataDir);
  const { journal, zxid } = store;
  journal.listen({
    durable: () => tape.steps.push({ kind: 'told', durable: from + journal.durable }),
    failed: () => undefined,
    healed: () => undefined,
  });
  for (let index = from; index < TRANSACTIONS; index += 1) {
    append(store, zxid + index - from + 1, index);
    if (index % 4 === 1 && index + 1 < TRANSACTIONS) continue;
    while (journal.durable < journal.appended) await clock.advance(1_000);
    if (index === 8) clock.jump(60_000); // a snapshot that failed is tried again
  }
  return zxid - from;
}

/** Starts on what is there, and again after a write: nothing that was told of is missing, and nothing is half there. */
async function isWhole(
  disk: ReplayedDisk,
  firstZxid: number,
  about: string,
  lives: 1 | 2 = 2,
): Promise<void> {
  const dataDir = newFolder();
  await disk.layOut(dataDir);
  const first = await open(dataDir);
  // ended before the first snapshot was there, it begins with the time anew
  const isNew = first.zxid > firstZxid + TRANSACTIONS;
  if (isNew) expect(disk.told, about).toBe(0);
  const origin = isNew ? first.zxid : firstZxid;
  const count = first.zxid - origin;
  expect(count, about).toBeGreaterThanOrEqual(disk.told);
  expect(knownTo(first), about).toEqual(knownAfter(origin, count));
  if (lives === 2) append(first, first.zxid + 1, count);
  await first.journal.close();
  if (lives === 2) await goesOn(dataDir, origin, count + 1, about);
  await rm(dataDir, { recursive: true });
}

async function goesOn(
  dataDir: string,
  origin: number,
  count: number,
  about: string,
): Promise<void> {
  const second = await open(dataDir);
  expect(knownTo(second), about).toEqual(knownAfter(origin, count));
  await second.journal.close();
}

/** Where a write may be cut: at every byte; what only makes a file longer, here and there. */
function cutsOf(step: DiskStep): readonly number[] {
  if (step.kind !== 'write') return [];
  const { length } = step.bytes;
  if (length > 100_000) return [1, length >> 1, length - 1];
  return Array.from({ length }, (_, bytes) => bytes);
}

test('a server that is ended at any byte that it writes has all that anybody was told of', async () => {
  const firstZxid = await live(newFolder());
  // the snapshot is written beside the writes, and makes a log and another snapshot void
  await eventually(() =>
    expect(tape.steps.filter(({ kind }) => kind === 'remove').length).toBeGreaterThan(1),
  );
  clock.jump(1_000);
  const steps = [...tape.steps];
  await rewind();
  const disk = replayedDisk();
  let cuts = 0;
  for (const [index, step] of steps.entries()) {
    for (const bytes of cutsOf(step)) {
      const cut = disk.copy();
      cut.play(step, bytes);
      cuts += 1;
      await isWhole(
        cut,
        firstZxid,
        `step ${index}, ${step.kind}, cut at ${bytes}`,
        bytes % 8 === 7 ? 2 : 1,
      );
      await rewind();
    }
    disk.play(step);
    await isWhole(disk, firstZxid, `after step ${index}, ${step.kind}`);
    await rewind();
  }
  const kinds = new Set(steps.map(({ kind }) => kind));
  expect([...kinds].toSorted()).toEqual([
    'create',
    'remove',
    'rename',
    'told',
    'truncate',
    'write',
  ]);
  expect(disk.told).toBe(TRANSACTIONS);
  expect(cuts).toBeGreaterThan(1_500);
}, 300_000);

test('whatever the disk refuses once, and wherever the server is ended after it, it has all that anybody was told of', async () => {
  for (let failing = 0; ; failing += 1) {
    await rewind();
    let calls = 0;
    let failedAt = 0;
    tape.before = () => {
      calls += 1;
      if (calls !== failing + 1) return;
      failedAt = tape.steps.length;
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    };
    const dataDir = newFolder();
    const firstZxid = await live(dataDir).catch(() => undefined);
    clock.jump(1_000);
    const steps = [...tape.steps];
    const never = calls <= failing;
    await rewind();
    if (firstZxid === undefined) {
      const store = await open(dataDir); // it did not start: the next one does
      await store.journal.close();
      continue;
    }
    if (never) break;
    const disk = replayedDisk();
    for (const [index, step] of steps.entries()) {
      disk.play(step);
      if (index < failedAt) continue;
      await isWhole(
        disk,
        firstZxid,
        `call ${failing} failed, ended after step ${index}, ${step.kind}`,
      );
      await rewind();
    }
  }
}, 300_000);
