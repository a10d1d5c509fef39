import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { fourLetterWord, freePorts } from '../../src/testing/index.ts';
import { openNodes } from '../support/nodes.ts';
import {
  ask,
  rollcall,
  type Running,
  serveEmbedded,
  startProcess,
  untilIds,
} from '../support/processes.ts';
import { testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 30_000, interval: 25 };
const folder = mkdtempSync(join(tmpdir(), 'rollcall-alone-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const portOf = (servers: string): number => Number(servers.slice(servers.lastIndexOf(':') + 1));
const ready = (url: string) =>
  expect.poll(async () => (await fetch(`${url}/readyz`)).status, WAIT).toBe(200);

async function stopped(daemon: Running): Promise<void> {
  daemon.kill('SIGTERM');
  expect([await daemon.finished, daemon.stderr]).toEqual([143, '']);
}

test('with --embedded the daemon brings its ZooKeeper, and says which and what that means', async () => {
  const { daemon, url, zookeeper } = await serveEmbedded();
  await using _daemon = daemon;
  await ready(url);
  expect(daemon.stdout).toContain(
    `"zookeeper":"${zookeeper}","msg":"using the embedded ZooKeeper server: one node in this process, for development and one small machine; for more, point --zookeeper at an ensemble"`,
  );
  expect(daemon.stdout).toMatch(/"level":"warn".*it is in memory only.*--data-dir DIR keeps it/);
  const flags = ['--zookeeper', zookeeper, '--session-timeout', '1s', '--port', '8080'];
  const register = (id: string) =>
    rollcall(['register', 'hello', '--id', id, ...flags, '--', 'sleep', '600']);
  await using one = register('one');
  await using two = register('two');
  await untilIds(url, 'hello', ['one', 'two']);
  two.kill('SIGTERM');
  await untilIds(url, 'hello', ['one']);
  one.kill('SIGTERM');
  await untilIds(url, 'hello', []);
  await using doctor = rollcall(['doctor', '--zookeeper', zookeeper, '--server', url]);
  expect(await doctor.finished, doctor.stdout).toBe(0);
  await stopped(daemon);
  await expect(fourLetterWord(portOf(zookeeper), 'ruok')).rejects.toThrow();
});

test('a taken port: the next free one, and it says which; --zookeeper stays what was asked for', async () => {
  const taken = createServer();
  const [wanted = 0] = await freePorts(1);
  await new Promise<void>(resolve => taken.listen(wanted, '127.0.0.1', resolve));
  try {
    const listen = ['--embedded-listen', `127.0.0.1:${wanted}`];
    const { daemon, url, zookeeper } = await serveEmbedded(listen);
    await using _daemon = daemon;
    expect(portOf(zookeeper)).toBeGreaterThan(wanted);
    await daemon.says(
      new RegExp(`"wanted":"127.0.0.1:${wanted}","zookeeper":"${zookeeper}".*next free one`),
    );
    await ready(url);
    await stopped(daemon);
  } finally {
    taken.close();
  }
});

test('after kill -9 a daemon with --data-dir has its nodes again, and providers come back to it', async () => {
  const dataDir = join(folder, 'kept', 'here');
  const [port = 0] = await freePorts(1);
  const flags = ['--data-dir', dataDir, '--embedded-listen', `127.0.0.1:${port}`];
  const first = await serveEmbedded(flags);
  await using _first = first.daemon;
  await first.daemon.says(/it keeps its nodes in this folder over restarts/);
  expect(statSync(dataDir).mode & 0o077).toBe(0);
  const at = ['--zookeeper', first.zookeeper, '--port', '8080'];
  await using provider = rollcall([
    'register',
    'hello',
    '--id',
    'h-1',
    ...at,
    '--',
    'sleep',
    '600',
  ]);
  await untilIds(first.url, 'hello', ['h-1']);
  await using nodes = await openNodes(first.zookeeper);
  for (let i = 0; i < 100; i += 1) await nodes.session.create(`/n-${i}`, Buffer.from(String(i)));

  first.daemon.kill('SIGKILL');
  await first.daemon.finished;
  const second = await serveEmbedded(flags);
  await using _second = second.daemon;
  expect(second.zookeeper).toBe(first.zookeeper);
  await untilIds(second.url, 'hello', ['h-1']);
  for (let i = 0; i < 100; i += 1) {
    expect((await nodes.session.getData(`/n-${i}`)).data.toString()).toBe(String(i));
  }
  provider.kill('SIGTERM');
  await untilIds(second.url, 'hello', []);
  await stopped(second.daemon);
});

test('a data folder that another has, or that cannot be made, is one line that names the flag', async () => {
  const dataDir = join(folder, 'mine');
  const { daemon } = await serveEmbedded(['--data-dir', dataDir]);
  await using _daemon = daemon;
  const flags = ['--http', '127.0.0.1:0', '--embedded-listen', '127.0.0.1:0'];
  const quiet = ['serve', '--embedded', ...flags, '--log-level', 'silent', '--data-dir'];
  await using second = rollcall([...quiet, dataDir]);
  expect(await second.finished).toBe(1);
  expect(second.stderr).toMatch(
    /^rollcall: --data-dir \S+: the data folder \S+ is in use by [^\n]+\n$/,
  );
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await using third = rollcall([...quiet, join(file, 'below')]);
  expect(await third.finished).toBe(2);
  expect(third.stderr).toMatch(
    /^rollcall: --data-dir \S+: it cannot be written to \(ENOTDIR\)[^\n]+\n$/,
  );
});

test('a data folder of which something cannot be read is one line about the folder, not about the address', async () => {
  const dataDir = join(folder, 'odd');
  mkdirSync(join(dataDir, 'log-0000000000000001'), { recursive: true }); // a file, usually
  const flags = ['--http', '127.0.0.1:0', '--embedded-listen', '127.0.0.1:0'];
  await using daemon = rollcall(['dev', ...flags, '--log-level', 'silent', '--data-dir', dataDir]);
  expect(await daemon.finished).toBe(1);
  expect(daemon.stderr).toMatch(
    /^rollcall: --data-dir \S+: the data folder \S+ cannot be used: EISDIR[^\n]+\n$/,
  );
});

test('an address that is not of this machine is one line that names the flag', async () => {
  const flags = ['--embedded', '--embedded-listen', '192.0.2.1:2181', '--insecure'];
  await using daemon = rollcall([
    'serve',
    ...flags,
    '--http',
    '127.0.0.1:0',
    '--log-level',
    'silent',
  ]);
  expect(await daemon.finished).toBe(1);
  expect(daemon.stderr).toBe(
    'rollcall: cannot listen on 192.0.2.1:2181: this machine has no such address: give --embedded-listen one that it has\n',
  );
});

test('serve without either starts nothing', async () => {
  await using daemon = rollcall(['serve', '--http', '127.0.0.1:0']);
  expect([await daemon.finished, daemon.stdout]).toEqual([2, '']);
  expect(daemon.stderr).toMatch(
    /^rollcall: --zookeeper is missing: [^\n]+ or say --embedded [^\n]+\n$/,
  );
});

test('at a stop the embedded server is the last to go', async () => {
  const { daemon, url, zookeeper } = await serveEmbedded(['--lame-duck', '2s']);
  await using _daemon = daemon;
  await ready(url);
  daemon.kill('SIGTERM');
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status, WAIT).toBe(503);
  expect(await fourLetterWord(portOf(zookeeper), 'ruok')).toBe('imok');
  expect(await daemon.finished).toBe(143);
  expect(daemon.stdout).toMatch(/"state":"closed","from":"connected".*"the daemon has stopped"/s);
  expect(daemon.stdout).not.toContain('connection to ZooKeeper is gone');
});

test('dev needs nothing but Node, and says in one line where it is', async () => {
  const Package = z.object({ scripts: z.object({ start: z.string() }) });
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { start } = Package.parse(JSON.parse(text)).scripts;
  const [, main = ''] = /&& exec node (\S+) dev$/.exec(start) ?? []; // what npm start runs
  const flags = ['--embedded-listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const env = { PATH: '', JAVA_HOME: '', ZOOKEEPER_HOME: '/nowhere' };
  await using daemon = startProcess(process.execPath, [main, 'dev', ...flags], { env });
  const [line, url = '', zookeeper = ''] = await daemon.says(
    /^rollcall: the daemon is at (\S+), its ZooKeeper at (\S+)\n/,
    'stderr',
  );
  await ready(url);
  await using nodes = await openNodes(zookeeper);
  expect(await nodes.session.exists('/rollcall/services')).toBeDefined();
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const bytes = Number(/^process_resident_memory_bytes (\d+)$/m.exec(metrics)?.[1]);
  expect(bytes).toBeLessThan(120 * 2 ** 20);
  daemon.kill('SIGINT');
  expect([await daemon.finished, daemon.stderr]).toEqual([130, line]);
});

test('dev that is told of a ZooKeeper starts none', async () => {
  const servers = await testServers();
  const env = { ROLLCALL_ZOOKEEPER: servers };
  await using daemon = rollcall(['dev', '--http', '127.0.0.1:0'], { env });
  await daemon.says(new RegExp(`its ZooKeeper at ${servers}\n`), 'stderr');
  expect(daemon.stdout).not.toContain('embedded');
  expect(daemon.stdout).toContain('using the ZooKeeper that --zookeeper names');
  daemon.kill('SIGTERM');
  expect(await daemon.finished).toBe(143);
});

const Services = z.object({ services: z.array(z.object({ name: z.string() })) });
const Topology = z.object({ edges: z.array(z.object({ consumer: z.string() })) });
const History = z.object({ entries: z.array(z.object({ id: z.string(), event: z.string() })) });

test('--demo brings services that change by themselves, and leave in order', async () => {
  const { daemon, url, zookeeper } = await serveEmbedded(['--demo', '--lame-duck', '1s']);
  await using _daemon = daemon;
  await ready(url);
  const names = async () =>
    (await ask(`${url}/v1/services`, Services)).services.map(({ name }) => name);
  await expect.poll(names, WAIT).toEqual(['orders', 'payments', 'shop']);
  const edges = async () => (await ask(`${url}/v1/topology`, Topology)).edges.length;
  await expect.poll(edges, WAIT).toBeGreaterThan(0);
  const events = async () =>
    (await ask(`${url}/v1/history?limit=100`, History)).entries.map(({ event }) => event);
  await expect.poll(events, WAIT).toContain('changed');
  await using nodes = await openNodes(zookeeper);
  expect(await nodes.providers('orders')).not.toEqual([]);
  await stopped(daemon);
  expect(daemon.stdout).not.toMatch(/"level":"error"/);
});
