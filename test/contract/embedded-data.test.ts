import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { logName, snapshotName, writeSnapshot } from '../../src/embedded/log/folder.ts';
import { pictureOf } from '../../src/embedded/log/snapshot-codec.ts';
import { freshTree } from '../../src/embedded/tree.ts';
import { startEmbedded } from '../../src/testing/index.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { readDirectly } from '../support/mirror-record.ts';
import { eventually } from '../support/eventually.ts';
import { notRun } from '../support/not-run.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rollcall-data-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const files = async (): Promise<readonly string[]> =>
  (await readdir(dataDir)).filter(name => !name.startsWith('lock-')).toSorted();

const newestLog = async (): Promise<string> =>
  join(dataDir, (await files()).findLast(name => name.startsWith('log-')) ?? '');

const onLinux =
  process.platform === 'linux' ? test : notRun('how a file was opened is told by Linux alone');

/** The flags with which this process has a file open. */
async function openFlags(path: string): Promise<number> {
  for (const descriptor of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${descriptor}`).catch(() => '');
    if (target !== path) continue;
    const info = await readFile(`/proc/self/fdinfo/${descriptor}`, 'utf8');
    return Number.parseInt(/^flags:\s+(\d+)$/m.exec(info)?.[1] ?? '', 8);
  }
  throw new Error(`${path} is not open`);
}

onLinux(
  'a write to the log is on the disk when it returns, of a new log and of one that is gone on with',
  async () => {
    for (const _start of ['new', 'gone on with']) {
      await using _server = await startEmbedded({ dataDir });
      expect((await openFlags(await newestLog())) & constants.O_DSYNC).toBe(constants.O_DSYNC);
    }
  },
);

test('a restart keeps nodes with their stats, and zxids go on', async () => {
  const first = await startEmbedded({ dataDir });
  const session = await openSession({ servers: first.connectString });
  await session.create('/a', Buffer.from('one'));
  await session.create('/a/s-', Buffer.alloc(0), { mode: 'persistent-sequential' });
  await session.setData('/a', Buffer.from('two'), 0);
  await session.remove('/a/s-0000000000', -1);
  await session.remove('/none', -1).catch(() => undefined);
  const before = await readDirectly(session, '/a');
  const { lastZxid } = session;
  await session.close();
  await first.close();
  await using second = await startEmbedded({ dataDir });
  await using later = await openSession({ servers: second.connectString });
  expect(await readDirectly(later, '/a')).toEqual(before);
  const { path } = await later.create('/a/s-', Buffer.alloc(0), { mode: 'persistent-sequential' });
  expect(path).toBe('/a/s-0000000001');
  expect(later.lastZxid).toBeGreaterThan(lastZxid);
});

test('the log is folded into snapshots while the server runs, and all is there after a restart', async () => {
  const options = { dataDir, snapshotAfterBytes: 20_000 };
  const first = await startEmbedded(options);
  const session = await openSession({ servers: first.connectString });
  await session.ensurePath('/m');
  for (let round = 0; round < 30; round += 1) {
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        session.create(`/m/${round}-${index}`, Buffer.alloc(50, 'x')),
      ),
    );
    await session.remove(`/m/${round}-7`, -1);
  }
  const before = await readDirectly(session, '/m');
  expect(before.size).toBe(30 * 29 + 1);
  await eventually(async () => {
    const names = await files();
    expect(names.length).toBeLessThanOrEqual(3);
    expect(names.some(name => name.endsWith('.tmp'))).toBe(false);
  });
  await session.close();
  await first.close();
  await using second = await startEmbedded(options);
  await using later = await openSession({ servers: second.connectString });
  expect(await readDirectly(later, '/m')).toEqual(before);
});

test('a snapshot that cannot be finished takes no room: what there is of it goes', async () => {
  const facts = { zxid: 7, secret: Buffer.alloc(32), sessions: new Map() };
  await mkdir(join(dataDir, snapshotName(7))); // its name is taken
  await expect(writeSnapshot(dataDir, pictureOf(freshTree(), facts))).rejects.toThrow('EISDIR');
  expect(await readdir(dataDir)).toEqual([snapshotName(7)]);
});

test('a log that was begun, and could not be removed, does not keep a later start from reading the folder', async () => {
  for (const path of ['/a', '/b', '/c']) {
    await using server = await startEmbedded({ dataDir });
    await using session = await openSession({ servers: server.connectString });
    expect(await session.exists('/a')).toEqual(path === '/a' ? undefined : expect.anything());
    await session.create(path);
    const begunAt = Number(session.lastZxid) - 1; // the log before it went on
    if (path === '/a') await writeFile(join(dataDir, logName(begunAt)), '');
  }
  expect(await files()).toHaveLength(2);
});

test('a torn tail is cut off and said, again and again', async () => {
  for (let life = 0; life < 4; life += 1) {
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const server = await startEmbedded({ dataDir, logger });
    expect(logger.warn.mock.calls.map(([fields]) => fields)).toEqual(
      life === 0 ? [] : [expect.objectContaining({ tornBytes: 100 })],
    );
    const session = await openSession({ servers: server.connectString });
    const names = (await session.getChildren('/')).children.filter(name => name !== 'zookeeper');
    expect(names.toSorted()).toEqual(Array.from({ length: life }, (_, index) => `n${index}`));
    await session.create(`/n${life}`);
    await session.close();
    await server.close();
    await appendFile(await newestLog(), Buffer.alloc(100, 0xab));
  }
});

test('damage in the middle, a lost log and a lost snapshot refuse the start', async () => {
  const server = await startEmbedded({ dataDir });
  const session = await openSession({ servers: server.connectString });
  for (const path of ['/a', '/b', '/c']) await session.create(path);
  await session.close();
  await server.close();
  const log = await newestLog();
  const whole = await readFile(log);
  const broken = Buffer.from(whole);
  broken[60] = (broken[60] ?? 0) ^ 1;
  await writeFile(log, broken);
  await expect(startEmbedded({ dataDir })).rejects.toMatchObject({
    code: 'ZOOKEEPER_UNAVAILABLE',
    message: expect.stringContaining(`${log} is damaged at byte`),
  });
  await writeFile(log, whole);
  const [snapshot = ''] = (await files()).filter(name => name.startsWith('snapshot-'));
  const bytes = await readFile(join(dataDir, snapshot));
  await truncate(join(dataDir, snapshot), bytes.length - 1);
  await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ code: 'ZOOKEEPER_UNAVAILABLE' });
  await rm(join(dataDir, snapshot));
  await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ code: 'ZOOKEEPER_UNAVAILABLE' });
  await writeFile(join(dataDir, snapshot), bytes);
  await using again = await startEmbedded({ dataDir });
  await using reader = await openSession({ servers: again.connectString });
  expect((await reader.getChildren('/')).children.toSorted()).toEqual(['a', 'b', 'c', 'zookeeper']);
});

test('one folder has one server', async () => {
  const first = await startEmbedded({ dataDir });
  await expect(startEmbedded({ dataDir })).rejects.toMatchObject({
    code: 'ZOOKEEPER_UNAVAILABLE',
    message: expect.stringContaining('in use'),
  });
  const otherName = `${dataDir}-too`;
  await symlink(dataDir, otherName);
  await expect(startEmbedded({ dataDir: otherName })).rejects.toThrow(/in use/);
  await rm(otherName);
  await first.close();
  const lock = async (): Promise<string> =>
    join(dataDir, (await readdir(dataDir)).find(name => name.startsWith('lock-')) ?? '');
  const free = await lock();
  await rm(free);
  const parent = process.ppid; // whoever it is, it lives
  await symlink(String(parent), free);
  await expect(startEmbedded({ dataDir })).rejects.toThrow(
    `in use by process ${parent}; if that is not so, remove ${free}`,
  );
  await rm(free);
  await symlink('2147483646', free); // nobody has it
  const second = await startEmbedded({ dataDir });
  expect(Number.parseInt(await readlink(await lock()), 10)).toBe(process.pid);
  await second.close();
  expect(await readlink(await lock())).toBe('nobody');
});

onLinux(
  'a process that has the number of the one that had the folder, or its remains, do not keep it',
  async () => {
    await (await startEmbedded({ dataDir })).close();
    const running = await startEmbedded({ dataDir });
    const lock = (await readdir(dataDir)).find(name => name.startsWith('lock-')) ?? '';
    const owner = await readlink(join(dataDir, lock));
    await running.close();
    const [, ticks = '', boot = ''] = /^\d+@(\d+)@([0-9a-f-]{36})$/.exec(owner) ?? [];
    const newestLock = async (text: string): Promise<void> => {
      const numbers = (await readdir(dataDir)).flatMap(
        name => /^lock-(\d+)$/.exec(name)?.[1] ?? [],
      );
      await symlink(text, join(dataDir, `lock-${Math.max(...numbers.map(Number)) + 1}`));
    };
    const births = [`@${Number(ticks) + 1}@${boot}`, `@${ticks}@${boot.replace(/^./, '-')}`];
    for (const birth of births) {
      await newestLock(`${process.ppid}${birth}`);
      await (await startEmbedded({ dataDir })).close();
    }

    await newestLock(String(await unburied()));
    await (await startEmbedded({ dataDir })).close();
  },
);

/** A process that has ended, and whose parent does not ask how. */
async function unburied(): Promise<number> {
  const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = await once(parent.stdout, 'data');
  const told = (pid: number | undefined, what: string): Promise<string> =>
    readFile(`/proc/${pid}/${what}`, 'utf8');
  await eventually(async () => expect(await told(parent.pid, 'comm')).toBe('sleep\n'));
  const pid = Number(line);
  process.kill(pid, 'SIGKILL');
  await eventually(async () => expect(await told(pid, 'stat')).toContain(') Z '));
  return pid;
}

test('a folder that cannot be used is said', async () => {
  const file = join(dataDir, 'file');
  await writeFile(file, '');
  await expect(startEmbedded({ dataDir: file })).rejects.toMatchObject({
    code: 'ZOOKEEPER_UNAVAILABLE',
  });
});
