import { expect, test, vi } from 'vitest';
import type { JournalListener } from '../../../src/embedded/journal.ts';
import { FILE_HEAD_BYTES, newFileHead } from '../../../src/embedded/log/frames.ts';
import { groupCommit, type LogFile } from '../../../src/embedded/log/group-commit.ts';
import { deferred, type Deferred } from '../../../src/kernel/abort.ts';
import { manualClock } from '../../../src/testing/index.ts';

interface FakeFile extends LogFile {
  readonly writes: {
    readonly bytes: number;
    readonly position: number;
    readonly end: Deferred<void>;
  }[];
  readonly cuts: number[];
}

function fakeFile(): FakeFile {
  const writes: FakeFile['writes'] = [];
  const cuts: number[] = [];
  return {
    head: newFileHead('log'),
    writes,
    cuts,
    write(bytes, position) {
      const end = deferred<void>();
      writes.push({ bytes: bytes.length, position, end });
      return end.promise;
    },
    truncate: async lengthBytes => void cuts.push(lengthBytes),
    close: async () => undefined,
  };
}

function setUp(rotateAfterBytes = 1e9, rotated?: LogFile) {
  const clock = manualClock();
  const file = fakeFile();
  const rotations: number[] = [];
  const journal = groupCommit({
    file,
    wholeBytes: FILE_HEAD_BYTES,
    clock,
    rotateAfterBytes,
    rotate: zxid => {
      rotations.push(zxid);
      return async () => rotated;
    },
  });
  const listener = {
    durable: vi.fn(),
    failed: vi.fn(),
    healed: vi.fn(),
  } satisfies JournalListener;
  journal.listen(listener);
  let zxid = 0;
  const append = (): void => journal.append({ zxid: (zxid += 1), timeMs: 0, changes: [] });
  return { clock, file, journal, listener, append, rotations };
}

const settled = (): Promise<void> => new Promise(resolve => void setImmediate(resolve));

test('what comes while a write is under way goes to the disk together, after it', async () => {
  const { file, journal, listener, append } = setUp();
  append();
  journal.flush();
  for (let count = 0; count < 10; count += 1) append();
  journal.flush();
  expect(file.writes).toHaveLength(1);
  expect([journal.appended, journal.durable]).toEqual([11, 0]);
  file.writes[0]?.end.resolve();
  await settled();
  expect(journal.durable).toBe(1);
  expect(file.writes).toHaveLength(2);
  expect(file.writes[1]?.position).toBe(FILE_HEAD_BYTES + (file.writes[0]?.bytes ?? 0));
  file.writes[1]?.end.resolve();
  await settled();
  expect(journal.durable).toBe(11);
  expect(listener.durable).toHaveBeenCalledTimes(2);
});

test('a full disk acknowledges nothing; the same write is made again, from where the log was whole', async () => {
  const { clock, file, journal, listener, append } = setUp();
  append();
  journal.flush();
  file.writes[0]?.end.resolve();
  await settled();
  append();
  journal.flush();
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  file.writes[1]?.end.reject(full);
  await settled();
  expect([journal.healthy, journal.durable]).toEqual([false, 1]);
  expect(listener.failed).toHaveBeenCalledExactlyOnceWith(full);
  await clock.advance(1_000);
  expect(file.writes[2]).toMatchObject({
    position: file.writes[1]?.position,
    bytes: file.writes[1]?.bytes,
  });
  file.writes[2]?.end.reject(full);
  await settled();
  await clock.advance(1_000);
  expect(file.cuts).toEqual([file.writes[1]?.position, file.writes[1]?.position]);
  expect(listener.failed).toHaveBeenCalledOnce();
  file.writes[3]?.end.resolve();
  await settled();
  expect([journal.healthy, journal.durable]).toEqual([true, 2]);
  expect(listener.healed).toHaveBeenCalledOnce();
});

test('close writes what is left, and does not wait for a disk that takes nothing', async () => {
  const good = setUp();
  good.append();
  const closing = good.journal.close();
  good.file.writes[0]?.end.resolve();
  await closing;
  expect(good.journal.durable).toBe(1);
  const bad = setUp();
  bad.append();
  bad.journal.flush();
  bad.file.writes[0]?.end.reject(new Error('gone'));
  await settled();
  await bad.journal.close();
  expect(bad.journal.durable).toBe(0);
});

test('a log that has grown is turned over between two writes, at the last zxid that it holds', async () => {
  const next = fakeFile();
  const { file, journal, append, rotations } = setUp(FILE_HEAD_BYTES, next);
  vi.spyOn(file, 'close').mockRejectedValue(new Error('the old one cannot be closed'));
  for (let count = 0; count < 3; count += 1) {
    append();
    journal.flush();
    file.writes[count]?.end.resolve();
    next.writes[count - 2]?.end.resolve();
    await settled();
  }
  expect(rotations).toEqual([2]);
  expect(file.writes).toHaveLength(2);
  expect(next.writes[0]?.position).toBe(FILE_HEAD_BYTES);
});
