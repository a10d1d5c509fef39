import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { layout } from '../../src/registry/index.ts';
import { digestAcl, permission } from '../../src/zookeeper/index.ts';
import { openNodes } from '../support/nodes.ts';
import { ownZooKeeper } from '../support/own-zookeeper.ts';
import { ask, rollcall, serve } from '../support/processes.ts';
import { testServers } from '../support/zookeeper.ts';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-doctor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Report {
  readonly status: number;
  readonly stdout: string;
  /** `check level`, in order. */
  readonly levels: readonly string[];
}

async function examine(...flags: readonly string[]): Promise<Report> {
  await using human = rollcall(['doctor', ...flags]);
  await using program = rollcall(['doctor', ...flags, '--json']);
  const [status, same] = await Promise.all([human.finished, program.finished]);
  expect(same).toBe(status);
  expect(human.stderr + program.stderr).toBe('');
  const { ok, findings } = JSON.parse(program.stdout);
  expect(ok).toBe(status === 0);
  const levels = findings.map(({ check, level }: Record<string, string>) => `${check} ${level}`);
  return { status, stdout: human.stdout, levels };
}

test('a healthy ZooKeeper and a healthy daemon get nothing but ticks, and nothing is left behind', async () => {
  const servers = await testServers();
  const { daemon, url } = await serve(servers);
  await using _ = daemon;
  await using nodes = await openNodes(servers);
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(200);
  const Aggregators = z.object({ master: z.unknown() });
  const master = async () => (await ask(`${url}/v1/aggregators`, Aggregators)).master ?? null;
  await expect.poll(master, { timeout: 30_000 }).not.toBeNull();
  const { root, services } = layout();
  const before = [await nodes.session.getChildren(root), await nodes.session.getChildren(services)];
  const { status, stdout, levels } = await examine('--zookeeper', servers, '--server', url);
  expect(stdout).not.toMatch(/^[!✗]/m);
  expect(stdout).toMatch(/✓ server .*: ZooKeeper \d+\.\d+\.\d+, standalone/);
  expect(status).toBe(0);
  for (const check of [
    'session',
    'timeout',
    'operations',
    'root',
    'rights',
    'watches',
    'clock',
    'sizes',
    'daemon',
  ]) {
    expect(levels).toContain(`${check} ok`);
  }
  const after = [await nodes.session.getChildren(root), await nodes.session.getChildren(services)];
  expect(after.map(({ children }) => children.toSorted())).toEqual(
    before.map(({ children }) => children.toSorted()),
  );
});

test('a registry that nobody has used yet is no fault', async () => {
  const { status, levels } = await examine('--zookeeper', await testServers());
  expect(status).toBe(0);
  expect(levels).toContain('root warn');
  const missing = await examine('--zookeeper', `${await testServers()}/not/there`);
  expect(missing.status).toBe(0);
  expect(missing.stdout).toContain('the chroot of --zookeeper does not exist yet');
});

test('a server that is not there is told by its address, with what to do', async () => {
  const { status, stdout, levels } = await examine('--zookeeper', '127.0.0.1:1');
  expect(status).toBe(1);
  expect(levels).toEqual(['server fail']);
  expect(stdout).toBe(
    '✗ server     127.0.0.1:1 does not answer (ECONNREFUSED); is it started, and is the port right?\n',
  );
});

test('a timeout that is not granted, a daemon that is not there', async () => {
  // A server that grants long sessions alone: one as short as the shared server's shortest may not last on a busy machine.
  await using zookeeper = await ownZooKeeper({ minSessionTimeoutMs: 20_000 });
  const at = ['--zookeeper', zookeeper.connectString];
  const { status, stdout, levels } = await examine(
    ...at,
    '--session-timeout',
    '10s',
    '--server',
    'http://127.0.0.1:1',
  );
  expect(status).toBe(1);
  expect(levels).toContain('timeout warn');
  expect(stdout).toMatch(/asked for a session timeout of 10s, got 20s; .*minSessionTimeout/);
  expect(stdout).toContain('✗ daemon     the daemon at http://127.0.0.1:1 cannot be reached');
});

test('missing rights are told, and what they need', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const { services, derived } = layout();
  await nodes.session.ensurePath(services);
  await nodes.session.ensurePath(derived);
  const admin = digestAcl('admin', 'secret');
  await nodes.session.setAcl(services, [admin], -1);
  await nodes.session.setAcl(
    derived,
    [admin, { scheme: 'world', id: 'anyone', permissions: permission.read }],
    -1,
  );
  const stranger = await examine('--zookeeper', servers);
  expect(stranger.status).toBe(1);
  expect(stranger.stdout).toContain(
    `✗ rights     ${services}: nothing; not read, create, write, delete; give --zookeeper-auth`,
  );
  expect(stranger.stdout).toContain(`! rights     ${derived}: read; not create, write, delete`);

  const auth = join(folder, 'auth');
  writeFileSync(auth, 'digest admin:secret\n');
  const known = await examine('--zookeeper', servers, '--zookeeper-auth', auth);
  expect(known.stdout).not.toMatch(/^[!✗]/m);
  expect(known.stdout).toContain('digest:admin');
  expect(known.status).toBe(0);
});
