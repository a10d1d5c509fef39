import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import {
  type FourLetterWord,
  fourLetterWord,
  startZooKeeper,
  type ZooKeeperServer,
} from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { createNode } from '../support/zookeeper.ts';

const nodeCount = async (server: ZooKeeperServer): Promise<number> =>
  Number(/^Node count: (\d+)/m.exec(await server.ask('srvr'))?.[1]);

function first(servers: readonly ZooKeeperServer[]): ZooKeeperServer {
  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  return server;
}

const support = (name: string): string =>
  fileURLToPath(new URL(`../support/${name}`, import.meta.url));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

realOnly('it is about starting real ones')(
  'a server that is killed or stopped and started again has its port and its data',
  async () => {
    await using zookeeper = await startZooKeeper();
    const server = first(zookeeper.servers);
    expect(await server.mode()).toBe('standalone');
    await createNode(zookeeper.connectString, '/kept');
    const before = await nodeCount(server);
    for (const end of [server.kill, server.stop]) {
      await end();
      expect(server.pid).toBeUndefined();
      await expect(server.ask('ruok')).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
      await server.start();
      expect(await nodeCount(server)).toBe(before);
    }
  },
);

realOnly('it is about starting real ones')(
  'a frozen server accepts and does not answer; thawed it answers; a frozen one can be stopped',
  async () => {
    await using zookeeper = await startZooKeeper();
    const server = first(zookeeper.servers);
    const ask = (word: FourLetterWord): Promise<string> => fourLetterWord(server.port, word, 200);
    server.freeze();
    // The signal takes its time to reach every thread.
    await eventually(() => expect(ask('ruok')).rejects.toMatchObject({ code: 'TIMEOUT' }));
    server.thaw();
    await eventually(async () => expect(await ask('ruok')).toBe('imok'));
    server.freeze();
    await server.stop();
    expect(server.running).toBe(false);
  },
);

realOnly('it is about starting real ones')(
  'an ensemble of three goes on without its leader, which comes back as a follower',
  async () => {
    await using zookeeper = await startZooKeeper({ servers: 3 });
    const modes = await Promise.all(zookeeper.servers.map(server => server.mode()));
    expect(modes.map(String).toSorted()).toEqual(['follower', 'follower', 'leader']);
    const leader = zookeeper.servers[modes.indexOf('leader')];
    const others = zookeeper.servers.filter(server => server !== leader);
    await leader?.kill();
    await eventually(
      async () => {
        const now = await Promise.all(others.map(server => server.mode()));
        expect(now.map(String).toSorted()).toEqual(['follower', 'leader']);
      },
      { timeout: 20_000 },
    );
    await leader?.start();
    expect(await leader?.mode()).toBe('follower');
  },
);

realOnly('it is about starting real ones')(
  'close ends the processes and removes their folder, twice as well as once',
  async () => {
    const zookeeper = await startZooKeeper();
    const server = first(zookeeper.servers);
    const folder = /^dataDir=(.+)\/server-1\//m.exec(await server.ask('conf'))?.[1] ?? '';
    expect(existsSync(folder)).toBe(true);
    const { pid } = server;
    await Promise.all([zookeeper.close(), zookeeper.close()]);
    expect(pid !== undefined && isAlive(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  },
);

realOnly('it is about starting real ones')(
  'zoo.cfg lines and Java properties reach the server',
  async () => {
    await using zookeeper = await startZooKeeper({
      tickTimeMs: 500,
      config: { maxSessionTimeout: '12345' },
      properties: { 'user.home': '/nowhere' },
    });
    const conf = await first(zookeeper.servers).ask('conf');
    expect(conf).toContain('tickTime=500\n');
    expect(conf).toContain('minSessionTimeout=1000\n');
    expect(conf).toContain('maxSessionTimeout=12345\n');
    expect(await first(zookeeper.servers).ask('envi')).toContain('user.home=/nowhere\n');
  },
);

realOnly('it is about starting real ones')(
  'a server that cannot start fails with what it said, and leaves nothing behind',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-failing-'));
    vi.stubEnv('TMPDIR', folder);
    await expect(startZooKeeper({ config: { tickTime: 'soon' } })).rejects.toMatchObject({
      code: 'ZOOKEEPER_UNAVAILABLE',
      message: expect.stringContaining('soon'),
    });
    expect(readdirSync(folder)).toEqual([]);
    vi.unstubAllEnvs();
    rmdirSync(folder);
  },
);

realOnly('it is about starting real ones')(
  'the server and its folder go when the process that started it is killed with SIGKILL',
  async () => {
    const owner = spawn(process.execPath, [support('run.mjs'), support('zookeeper-owner.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { pid, folder } = await firstAnswer(owner);
    expect(isAlive(pid)).toBe(true);
    owner.kill('SIGKILL');
    await eventually(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000 });
    await eventually(() => expect(existsSync(folder)).toBe(false), { timeout: 10_000 });
  },
);

function firstAnswer(
  owner: ChildProcess,
): Promise<{ readonly pid: number; readonly folder: string }> {
  return new Promise((resolve, reject) => {
    owner.stdout?.once('data', (bytes: Buffer) => {
      const [pid, folder] = bytes.toString('utf8').trim().split(' ');
      resolve({ pid: Number(pid), folder: folder ?? '' });
    });
    owner.once('error', reject);
    owner.once('exit', () => reject(new Error('ended before it had a server')));
  });
}
