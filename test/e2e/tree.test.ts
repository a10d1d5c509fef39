import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startEmbedded } from '../../src/testing/index.ts';
import {
  digestAcl,
  OPEN_ACL,
  openSession,
  READ_ONLY_ACL,
  type Session,
} from '../../src/zookeeper/index.ts';
import { openNodes } from '../support/nodes.ts';
import { rollcall, type RunOptions } from '../support/processes.ts';
import { treePicture } from '../support/tree-picture.ts';
import { testServers } from '../support/zookeeper.ts';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-tree-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(folder, `export-${(files += 1)}`);
function fileOf(text: string): string {
  const path = newFile();
  writeFileSync(path, text);
  return path;
}

const auth = join(folder, 'auth');
writeFileSync(auth, 'digest ann:secret\n');
const ann = digestAcl('ann', 'secret');
const asAnn = { auth: [{ scheme: 'digest', credentials: 'ann:secret' }] } as const;

async function tree(servers: string, args: readonly string[], options: RunOptions = {}) {
  await using program = rollcall(['tree', ...args, '--zookeeper', servers], options);
  const status = await program.finished;
  return { status, out: program.stdout, err: program.stderr };
}

/** Everything that an export has to carry. */
async function plant(session: Session): Promise<void> {
  const make = async (path: string, data: string | Buffer = '', acl = OPEN_ACL) => {
    await session.create(path, Buffer.from(data), { acl });
  };
  await make('/app', 'über alles\n');
  await make('/app/binary', Buffer.from([0, 0xff, 0x80, 10, 13]));
  await make('/app/empty');
  await make('/app/名字 mit Raum', '{"a": "\\"\\u2028"}');
  await make('/app/mine', 'secret', [ann, ...READ_ONLY_ACL]);
  await make('/app/mine/below', 'deep');
  await make('/app/large', Buffer.alloc(900_000, 7));
  await make('/app/larger', Buffer.alloc(1_000_000, 'x'));
  await session.create('/app/box', Buffer.from('box'), { mode: 'container' });
  await make('/app/box/in', '');
  await make('/app/queue');
  for (let i = 0; i < 5; i += 1) {
    await session.create('/app/queue/n-', Buffer.from(`${i}`), { mode: 'persistent-sequential' });
  }
  await session.remove('/app/queue/n-0000000000', -1);
  for (let i = 0; i < 700; i += 1) await make(`/app/empty/e-${i}`, `${i}`);
  await session.create('/app/gone', Buffer.from('x'), { mode: 'ephemeral' });
  await session.create('/app/empty/gone', Buffer.from('x'), { mode: 'ephemeral' });
}

test('a tree goes from an embedded server to a real ensemble and back, and nothing is lost on the way', async () => {
  await using one = await startEmbedded();
  await using other = await startEmbedded();
  const real = await testServers();
  await using session = await openSession({ servers: one.connectString, ...asAnn });
  await plant(session);
  const [there, back] = [newFile(), newFile()];
  const flags = ['--zookeeper-auth', auth];
  const out = await tree(one.connectString, ['export', '/app', '--file', there, ...flags]);
  expect(out).toEqual({
    status: 0,
    out: '',
    err: 'rollcall: 715 nodes exported from /app; 2 ephemeral ones left out\n',
  });
  expect(statSync(there).mode & 0o077).toBe(0);

  const into = await tree(real, ['import', '--file', there, ...flags]);
  expect(into.err).toBe(
    'rollcall: imported below /app: 715 nodes created, 0 replaced, 0 were there already\n' +
      'rollcall: sequential nodes in /app/queue are numbered on from 4, not from 5: no client can set that number\n',
  );
  expect(into.status).toBe(0);
  await using copy = await openSession({ servers: real, ...asAnn });
  const planted = await treePicture(session, '/app');
  expect(await treePicture(copy, '/app')).toEqual(planted);

  const stdout = await tree(real, ['export', '/', ...flags]); // the chroot holds nothing else
  expect(stdout.status).toBe(0);
  writeFileSync(back, stdout.out);
  const home = await tree(other.connectString, ['import', ...flags], { stdin: back });
  expect([home.status, home.err.split('\n')[0]]).toEqual([
    0,
    'rollcall: imported below /: 715 nodes created, 0 replaced, 1 were there already',
  ]);
  await using last = await openSession({ servers: other.connectString, ...asAnn });
  expect(await treePicture(last, '/app')).toEqual(planted);
});

test('what is there and the same is left alone, what is there and differs stays, if nothing else is said', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const { session } = nodes;
  await session.create('/app', Buffer.from('1'));
  await session.create('/app/a', Buffer.from('1'));
  await session.create('/app/b', Buffer.from('1'));
  const { out } = await tree(servers, ['export', '/app']);
  const file = fileOf(out);
  const again = await tree(servers, ['import', '--file', file]);
  expect(again.err).toContain('0 nodes created, 0 replaced, 3 were there already');

  await session.setData('/app/a', Buffer.from('2'), -1);
  await session.setAcl('/app/a', READ_ONLY_ACL, -1);
  await session.remove('/app/b', -1);
  const refused = await tree(servers, ['import', '--file', file]);
  expect(refused).toEqual({
    status: 1,
    out: '',
    err: 'rollcall: 1 of these nodes are there with other data or rights (/app/a): nothing was written; --overwrite replaces them\n',
  });
  expect(await session.exists('/app/b')).toBeUndefined();

  const denied = await tree(servers, ['import', '--file', file, '--overwrite']);
  expect(denied.status).toBe(1);
  expect(denied.err).toMatch(/does not let us write that.*; 0 nodes are written/);
  expect(await session.exists('/app/b')).toBeUndefined();
});

test('--overwrite replaces data and rights, and removes nothing', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const { session } = nodes;
  await session.create('/app', Buffer.from('1'));
  await session.create('/app/a', Buffer.from('1'));
  const { out } = await tree(servers, ['export', '/app']);
  const other = [...READ_ONLY_ACL, { permissions: 26, scheme: 'world', id: 'anyone' }];
  await session.setAcl('/app/a', other, -1);
  await session.setData('/app', Buffer.from('2'), -1);
  await session.create('/app/more', Buffer.from('3'));
  const flags = ['import', '--file', fileOf(out), '--overwrite'];
  const { status, err } = await tree(servers, flags);
  expect([status, err]).toEqual([
    0,
    'rollcall: imported below /app: 0 nodes created, 2 replaced, 0 were there already\n',
  ]);
  expect((await session.getData('/app')).data.toString()).toBe('1');
  expect((await session.getAcl('/app/a')).acl).toEqual(OPEN_ACL);
  expect((await session.getData('/app/more')).data.toString()).toBe('3');
});

test('an export that is cut off is refused before anything is written', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  await nodes.session.create('/app', Buffer.from('1'));
  await nodes.session.create('/app/a', Buffer.from('1'));
  const { out } = await tree(servers, ['export', '/app']);
  const target = await testServers();
  const cut = fileOf(out.slice(0, out.lastIndexOf('{')));
  for (const how of [{ args: ['--file', cut] }, { args: [], stdin: cut }]) {
    const { status, err } = await tree(target, ['import', ...how.args], how);
    expect(status).toBe(1);
    expect(err).toMatch(
      /^rollcall: .*: it is cut off: after 2 nodes there is no last line that counts them; nothing was written: export it again\n$/,
    );
  }
  await using copy = await openNodes(target);
  expect(await copy.session.exists('/app')).toBeUndefined();
});

test('rights that we may not see, and data that we may not read, are no export', async () => {
  const servers = await testServers();
  await using session = await openSession({ servers, ...asAnn });
  await session.create('/app', Buffer.from('1'));
  await session.create('/app/mine', Buffer.from('1'), { acl: [ann, ...READ_ONLY_ACL] });
  const masked = await tree(servers, ['export', '/app']);
  expect(masked.status).toBe(1);
  expect(masked.err).toBe(
    'rollcall: /app/mine cannot be exported: its ACL is not shown to us: give --zookeeper-auth FILE with a user who may administer it\n',
  );
  await session.setAcl('/app/mine', [ann], -1);
  const file = newFile();
  const unread = await tree(servers, ['export', '/app', '--file', file]);
  expect(unread.status).toBe(1);
  expect(unread.err).toContain('/app/mine cannot be exported: it may not be read');
  expect(() => statSync(file)).toThrow('ENOENT');
  expect((await tree(servers, ['export', '/app', '--zookeeper-auth', auth])).status).toBe(0);
});

test('a znode is shown with its facts, its data and its children', async () => {
  const servers = await testServers();
  await using nodes = await openNodes(servers);
  const { session } = nodes;
  await session.create('/app', Buffer.from('{"a": 1}\n\u001b[2J'));
  await session.create('/app/b', Buffer.alloc(0), { mode: 'ephemeral' });
  await session.create('/app/a', Buffer.from([0xff]));
  const { status, out } = await tree(servers, ['/app/']);
  expect(status).toBe(0);
  expect(out).toMatch(/^node +\/app\nkind +persistent\nmade +20.*zxid \d+\nchanged .*version 0\n/);
  expect(out).toContain(
    'rights    world:anyone cdrwa\ndata      13 bytes\nchildren  2\n\n{"a": 1}\n\ufffd[2J\n',
  );
  expect(out).toMatch(/CHILD +KIND +BYTES +CHILDREN\na +persistent +1 +0\nb +ephemeral +0 +0\n$/);
  expect((await tree(servers, ['/app', '--limit', '1'])).out).toContain('… and 1 more: --limit N');
  expect((await tree(servers, ['/app/a'])).out).toContain('ff (binary)');
  const json = JSON.parse((await tree(servers, ['/app/b', '--json'])).out);
  expect(json).toMatchObject({ path: '/app/b', data: '', children: [], stat: { version: 0 } });
  expect((await tree(servers, ['/'])).out).toMatch(/\napp +persistent/);
  const missing = await tree(servers, ['/nowhere']);
  expect([missing.status, missing.out]).toEqual([1, '']);
  expect(missing.err).toBe('rollcall: there is no /nowhere in this ZooKeeper\n');
});

test('nobody there is told by its address, and exits with 3', async () => {
  const { status, err } = await tree('127.0.0.1:1', ['export']);
  expect(status).toBe(3);
  expect(err).toMatch(/^rollcall: ZooKeeper at 127\.0\.0\.1:1 cannot be reached \([^\n]+\n$/);
});

test.for([
  [['nowhere'], '"nowhere" is no path: it begins with a slash; or say "export" or "import"'],
  [['/a', '/b'], '"/b" is too much'],
  [['import', '/a'], '"/a" is too much'],
  [['import', '--file', '/nowhere/x'], '--file /nowhere/x: it cannot be read (ENOENT)'],
  [['export', '--file', '/nowhere/x'], '--file /nowhere/x: it cannot be written (ENOENT)'],
] satisfies [string[], string][])('tree %j is bad usage', async ([args, words]) => {
  const { status, out, err } = await tree(await testServers(), args);
  expect([status, out]).toEqual([2, '']);
  expect(err).toContain(words);
});

test('a hundred thousand nodes; an import that is stopped says how far it came, and is taken up again', async () => {
  await using one = await startEmbedded();
  await using session = await openSession({ servers: one.connectString, timeoutMs: 60_000 });
  await session.create('/many', Buffer.alloc(0));
  for (let i = 0; i < 100; i += 1) {
    const all = session.transaction().create(`/many/${i}`, Buffer.alloc(0));
    for (let k = 0; k < 1_000; k += 1) all.create(`/many/${i}/${k}`, Buffer.from(`${i} ${k}`));
    await all.commit();
  }
  const file = newFile();
  const out = await tree(one.connectString, ['export', '--file', file]);
  expect(out.err).toBe('rollcall: 100102 nodes exported from /\n');

  await using other = await startEmbedded();
  await using copy = await openSession({ servers: other.connectString });
  await using stopped = rollcall([
    'tree',
    'import',
    '--file',
    file,
    '--zookeeper',
    other.connectString,
  ]);
  await expect.poll(() => copy.exists('/many/0/0'), { timeout: 60_000, interval: 5 }).toBeDefined();
  stopped.kill('SIGTERM');
  expect(await stopped.finished).toBe(143);
  const [, count = ''] =
    /^rollcall: stopped by SIGTERM; (\d+) nodes are written, those before \S+; [^\n]+\n$/.exec(
      stopped.stderr,
    ) ?? [];
  expect(Number(count), stopped.stderr).toBe((await copy.getAllChildrenNumber('/many')) + 1);
  const rest = await tree(other.connectString, ['import', '--file', file]);
  expect(rest.err).toBe(
    `rollcall: imported below /: ${100_101 - Number(count)} nodes created, 0 replaced, ${Number(count) + 1} were there already\n`,
  );
  expect(await copy.getAllChildrenNumber('/many')).toBe(100_100);
  const back = newFile();
  await tree(other.connectString, ['export', '--file', back]);
  const nodesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(1, -2).join('\n');
  expect(nodesOf(back) === nodesOf(file)).toBe(true);
}, 300_000);
