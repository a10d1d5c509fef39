import { expect, test } from 'vitest';
import { faultProxy, startZooKeeper } from '../../src/testing/index.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { eventually } from '../support/eventually.ts';
import { ownZooKeeper, realOnly } from '../support/own-zookeeper.ts';
import { scriptedServer } from '../support/scripted-server.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const patience = { timeout: 20_000, interval: 5 };

function chrootOf(servers: string): string {
  return servers.slice(servers.indexOf('/'));
}

test('a transaction holds version 0 to be version 0, not any version', async () => {
  await using session = await openSession({ servers: await testServers() });
  await session.create('/node');
  await session.setData('/node', Buffer.from('newer'), 0);
  const stale = [
    session.transaction().check('/node', 0),
    session.transaction().setData('/node', Buffer.from('stale'), 0),
    session.transaction().remove('/node', 0),
  ];
  for (const transaction of stale) {
    await expect(transaction.commit()).rejects.toMatchObject({
      code: 'BAD_VERSION',
      details: { index: 0, path: '/node' },
    });
  }
  expect((await session.getData('/node')).data.toString()).toBe('newer');
});

test('a transaction does all of its writes, and says what became of each', async () => {
  await using session = await openSession({ servers: await testServers() });
  await session.create('/a');
  await session.create('/b');
  const results = await session
    .transaction()
    .check('/a', 0)
    .create('/a/seq-', Buffer.from('x'), { mode: 'ephemeral-sequential' })
    .create('/box', Buffer.alloc(0), { mode: 'container' })
    .setData('/a', Buffer.from('y'), 0)
    .remove('/b', -1)
    .commit();
  expect(results).toMatchObject([
    { kind: 'check' },
    { kind: 'create', path: '/a/seq-0000000000' },
    { kind: 'create', path: '/box' },
    { kind: 'set', stat: { version: 1 } },
    { kind: 'remove' },
  ]);
  expect((await session.exists('/a/seq-0000000000'))?.ephemeralOwner).toBe(session.sessionId);
});

test('a transaction that fails does nothing, and names the step that failed', async () => {
  await using session = await openSession({ servers: await testServers() });
  const transaction = session
    .transaction()
    .create('/one', Buffer.alloc(0))
    .check('/missing', -1)
    .create('/two', Buffer.alloc(0));
  expect(transaction.size).toBe(3);
  await expect(transaction.commit()).rejects.toMatchObject({
    code: 'NO_NODE',
    details: { index: 1, path: '/missing' },
  });
  expect(await session.exists('/one')).toBeUndefined();
  await expect(transaction.commit()).rejects.toMatchObject({ code: 'BAD_ARGUMENTS' });
});

test('a protected create whose answer was lost makes exactly one node', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using observer = await openSession({ servers });
  await using session = await openSession({ servers: proxy.address + chrootOf(servers) });
  await session.connected();
  const names = {
    'ephemeral-sequential': 'guid1-x-',
    'persistent-sequential': 'guid2-x-',
    ephemeral: 'guid3',
  } as const;
  for (const mode of ['ephemeral-sequential', 'persistent-sequential', 'ephemeral'] as const) {
    const guid = names[mode].slice(0, 5);
    const ours = async (): Promise<readonly string[]> =>
      (await observer.getChildren('/')).children.filter(name => name.startsWith(guid));
    proxy.pause('down');
    const creating = session.create(`/${names[mode]}`, Buffer.from(mode), { mode, guid });
    await eventually(async () => expect(await ours()).toHaveLength(1), patience);
    proxy.dropConnections();
    await proxy.heal();
    const created = await creating;
    expect((await ours()).map(name => `/${name}`)).toEqual([created.path]);
    expect(created.stat).toEqual(await observer.exists(created.path));
  }
});

test('without a GUID, a create whose answer was lost fails, and is not repeated', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using observer = await openSession({ servers });
  await using session = await openSession({ servers: proxy.address + chrootOf(servers) });
  await session.connected();
  proxy.pause('down');
  const creating = session
    .create('/n-', Buffer.alloc(0), { mode: 'persistent-sequential' })
    .catch((error: unknown) => error);
  await eventually(
    async () => expect((await observer.getChildren('/')).children).toHaveLength(1),
    patience,
  );
  proxy.dropConnections();
  await proxy.heal();
  expect(await creating).toMatchObject({ code: 'CONNECTION_LOSS' });
  await session.sync('/');
  expect((await session.getChildren('/')).children).toHaveLength(1);
});

test('a create that was given up while its answer was on the way leaves no node', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using observer = await openSession({ servers });
  await using session = await openSession({ servers: proxy.address + chrootOf(servers) });
  await session.connected();
  for (const cut of [false, true]) {
    const giveUp = new AbortController();
    proxy.pause('down');
    const guid = `guid-${cut}`;
    const creating = session
      .create(`/${guid}-`, Buffer.alloc(0), {
        mode: 'ephemeral-sequential',
        guid,
        signal: giveUp.signal,
      })
      .catch((error: unknown) => error);
    await eventually(
      async () => expect((await observer.getChildren('/')).children).toHaveLength(1),
      patience,
    );
    giveUp.abort(new Error('enough'));
    expect(await creating).toMatchObject({ message: 'enough' });
    if (cut) proxy.dropConnections();
    await proxy.heal();
    await eventually(
      async () => expect((await observer.getChildren('/')).children).toEqual([]),
      patience,
    );
  }
});

test('a create that was given up leaves no node either when the session is lost, and then taken up again', async () => {
  await using zooKeeper = await ownZooKeeper();
  await using proxy = await faultProxy({ target: zooKeeper.connectString });
  await using session = await openSession({ servers: proxy.address, timeoutMs: 6_000 });
  await session.connected();
  const { sessionId } = session;
  await session.ensurePath('/q');
  const giveUp = new AbortController();
  proxy.pause('down');
  const creating = session
    .create('/q/guid-', Buffer.alloc(0), {
      mode: 'ephemeral-sequential',
      guid: 'guid',
      signal: giveUp.signal,
    })
    .catch((error: unknown) => error);
  {
    await using observer = await openSession({ servers: zooKeeper.connectString });
    await eventually(async () =>
      expect((await observer.getChildren('/q')).children).toHaveLength(1),
    );
  }
  giveUp.abort(new Error('enough'));
  expect(await creating).toMatchObject({ message: 'enough' });
  await zooKeeper.kill(); // a server that is down expires nobody
  await eventually(() => expect(session.state.kind).toBe('lost'));
  await zooKeeper.start();
  await proxy.heal();
  await session.connected();
  expect(session.sessionId).toBe(sessionId);
  await eventually(async () => expect((await session.getChildren('/q')).children).toEqual([]));
}, 60_000);

test('a write that was given up before it was sent is never sent', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using session = await openSession({ servers: proxy.address + chrootOf(servers) });
  await session.create('/n', Buffer.from('old'));
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'), patience);
  const giveUp = new AbortController();
  const writing = session
    .setData('/n', Buffer.from('new'), -1, { signal: giveUp.signal })
    .catch((error: unknown) => error);
  giveUp.abort(new Error('enough'));
  expect(await writing).toMatchObject({ message: 'enough' });
  await proxy.heal();
  expect((await session.getData('/n')).data.toString()).toBe('old');
});

test('reads and idempotent writes go on through a lost connection; a compare-and-set fails', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using session = await openSession({ servers: proxy.address + chrootOf(servers) });
  await session.create('/n', Buffer.from('old'));
  await session.create('/gone');
  proxy.pause('down');
  const before = session.requestCounts['remove'] ?? 0;
  const read = session.getData('/n');
  const write = session.setData('/n', Buffer.from('any'), -1);
  const removal = session.remove('/gone', -1);
  const compared = session.setData('/n', Buffer.from('cas'), 7).catch((error: unknown) => error);
  await eventually(() => expect(session.requestCounts['remove']).toBe(before + 1), patience);
  proxy.dropConnections();
  await proxy.heal();
  expect((await read).data.length).toBe(3);
  expect((await write).version).toBeGreaterThanOrEqual(1);
  await removal;
  expect(await compared).toMatchObject({ code: 'CONNECTION_LOSS' });
});

test('what waits for a connection is told when the session is lost', async () => {
  await using proxy = await faultProxy({ target: sharedServers() });
  await using session = await openSession({ servers: proxy.address, timeoutMs: 4000 });
  await session.connected();
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'), patience);
  const waits = [
    session.getData('/'),
    session.create('/never', Buffer.alloc(0), { mode: 'ephemeral' }),
    session.transaction().check('/', -1).commit(),
  ];
  const ends = await Promise.allSettled(waits);
  expect(session.state.kind).toBe('lost');
  for (const end of ends)
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'SESSION_LOST' } });
  await expect(session.exists('/')).rejects.toMatchObject({ code: 'SESSION_LOST' });
  const patient = session.exists('/', { signal: AbortSignal.timeout(20_000) });
  await proxy.heal();
  expect(await patient).toBeDefined();
  expect(session.epoch).toBe(2);
});

test('an error code that nobody knows is an error of that operation alone', async () => {
  const codes = [-118, -119, -120, -123, -124, -125, -127, -9999];
  await using server = await scriptedServer(({ op, xid }) =>
    op === 3 ? { error: codes[xid - 1] ?? 0 } : {},
  );
  await using session = await openSession({ servers: server.address });
  await session.connected();
  for (const zookeeperCode of codes) {
    await expect(session.exists('/n')).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      details: { zookeeperCode, path: '/n' },
    });
  }
  expect(session.state.kind).toBe('connected');
});

realOnly('the embedded server has no quotas')(
  'a real quota that is passed comes as such a code',
  async () => {
    await using zookeeper = await startZooKeeper({
      properties: { 'zookeeper.enforceQuota': 'true' },
    });
    await using session = await openSession({ servers: zookeeper.connectString });
    await session.ensurePath('/zookeeper/quota/small');
    await session.create('/small');
    await session.create(
      '/zookeeper/quota/small/zookeeper_limits',
      Buffer.from('count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=1'),
    );
    await session.create('/zookeeper/quota/small/zookeeper_stats', Buffer.from('count=1,bytes=0'));
    await expect(session.create('/small/more')).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      details: { zookeeperCode: -125 },
    });
    expect(session.state.kind).toBe('connected');
  },
);

test('a packet above the limit is refused here; one at the limit goes through', async () => {
  await using session = await openSession({ servers: await testServers() });
  await session.create('/n');
  const overheadBytes = 8 + 4 + Buffer.byteLength('/n') + (await testChrootBytes(session)) + 4 + 4;
  const most = session.maxPacketBytes - overheadBytes;
  await session.setData('/n', Buffer.alloc(most), -1);
  expect((await session.getData('/n')).data.length).toBe(most);
  await expect(session.setData('/n', Buffer.alloc(most + 1), -1)).rejects.toMatchObject({
    code: 'PACKET_TOO_LARGE',
  });
  expect(session.state).toEqual({ kind: 'connected', epoch: 1 });
});

/** The chroot's own length: what it adds to each path. */
async function testChrootBytes(session: Awaited<ReturnType<typeof openSession>>): Promise<number> {
  await session.create('/e', Buffer.alloc(0), { mode: 'ephemeral' });
  await session.remove('/e', -1);
  return '/test-'.length + 36;
}

test('a session refuses more ephemeral nodes than the server could start with, and counts what others removed', async () => {
  const servers = await testServers();
  await using session = await openSession({ servers });
  await using other = await openSession({ servers });
  const name = 'n'.repeat(4000);
  const paths = Array.from({ length: 126 }, (_, index) => `/${name}${index}`);
  await Promise.all(
    paths.map(path => session.create(path, Buffer.alloc(0), { mode: 'ephemeral' })),
  );
  await expect(
    Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        session.create(`/${name}-more-${index}`, Buffer.alloc(0), { mode: 'ephemeral' }),
      ),
    ),
  ).rejects.toMatchObject({ code: 'EPHEMERAL_LIMIT' });
  await expect(
    session
      .transaction()
      .create(`/${name}x${name}`, Buffer.alloc(0), { mode: 'ephemeral' })
      .create(`/${name}y`, Buffer.alloc(0), { mode: 'ephemeral' })
      .commit(),
  ).rejects.toMatchObject({ code: 'EPHEMERAL_LIMIT' });
  await Promise.all(paths.slice(0, 20).map(path => other.remove(path, -1)));
  await session.sync('/');
  await session.create(`/${name}-again`, Buffer.alloc(0), { mode: 'ephemeral' });
});

test('a path is made with all its ancestors, once or twice, the chroot included', async () => {
  const servers = `${await testServers()}/deep/chroot`;
  await using session = await openSession({ servers });
  await Promise.all([session.ensurePath('/a/b/c'), session.ensurePath('/a/b/d')]);
  await session.ensurePath('/a/b/c');
  expect([...(await session.getChildren('/a/b')).children].toSorted()).toEqual(['c', 'd']);
  await session.ensurePath('/boxes/one', { mode: 'container' });
  expect(await session.exists('/boxes/one')).toBeDefined();
});
