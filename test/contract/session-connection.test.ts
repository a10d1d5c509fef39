import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { faultProxy, manualClock, startZooKeeper } from '../../src/testing/index.ts';
import {
  CREATOR_ALL_ACL,
  digestAcl,
  OPEN_ACL,
  permission,
  READ_ONLY_ACL,
} from '../../src/zookeeper/acl.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { eventually } from '../support/eventually.ts';
import { ownZooKeeper, realOnly } from '../support/own-zookeeper.ts';
import { scriptedServer } from '../support/scripted-server.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const patience = { timeout: 20_000, interval: 5 };

function chrootOf(servers: string): string {
  return servers.slice(servers.indexOf('/'));
}

test('half a frame does not survive a reconnect', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using session = await openSession({ servers: proxy.address + chrootOf(servers) });
  const data = Buffer.alloc(100_000, 'x');
  await session.create('/n', data);
  for (const bytes of [1, 3, 4, 19, 70_000]) {
    const cut = proxy.halfSend(bytes);
    const read = await session.getData('/n');
    await cut;
    expect(read.data.equals(data)).toBe(true);
  }
  expect(session.epoch).toBe(1);
});

test('twenty thousand pipelined reads are answered, each with its own', async () => {
  await using session = await openSession({ servers: await testServers() });
  await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      session.create(`/n${index}`, Buffer.from(String(index))),
    ),
  );
  const reads = await Promise.all(
    Array.from({ length: 20_000 }, (_, index) => session.getData(`/n${index % 200}`)),
  );
  expect(reads.every(({ data }, index) => data.toString() === String(index % 200))).toBe(true);
});

test('after a reconnect the order is handshake, auth, watches, onAttached, and then what the user waits for', async () => {
  const order: string[] = [];
  let hungUp = false;
  await using server = await scriptedServer(({ op, connection }) => {
    if (hungUp && connection === 0) return 'silence';
    order.push(`${connection}:${op ?? 'hello'}`);
    hungUp = op === 4;
    if (op === 4 && connection === 0) return 'hang up';
    return op === 3 ? { error: -101 } : op === 4 ? { error: -101 } : {};
  });
  await using session = await openSession({
    servers: server.address,
    auth: [{ scheme: 'digest', credentials: 'user:secret' }],
  });
  session.onAttached(() => void order.push('attached'));
  await session.watchExists('/n', () => undefined);
  const waiting = [session.getData('/a'), session.getData('/b')].map(read =>
    read.catch((error: unknown) => error),
  );
  for (const end of await Promise.all(waiting)) expect(end).toMatchObject({ code: 'NO_NODE' });
  expect([...order]).toEqual([
    '0:hello',
    '0:100',
    'attached',
    '0:3',
    '0:4',
    '1:hello',
    '1:100',
    '1:101',
    'attached',
    '1:4',
    '1:4',
  ]);
});

test('an operation that was called while the connection was away has the right to what auth gave it', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  const auth = [{ scheme: 'digest', credentials: 'user:secret' }] as const;
  await using session = await openSession({ servers: proxy.address + chrootOf(servers), auth });
  await session.create('/mine', Buffer.from('x'), { acl: CREATOR_ALL_ACL });
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'), patience);
  const reading = session.getData('/mine');
  await proxy.heal();
  expect((await reading).data.toString()).toBe('x');
});

test('digest users and ACLs decide who may do what', async () => {
  const servers = await testServers();
  await using owner = await openSession({
    servers,
    auth: [{ scheme: 'digest', credentials: 'owner:secret' }],
  });
  await using reader = await openSession({
    servers,
    auth: [{ scheme: 'digest', credentials: 'reader:word' }],
  });
  await using nobody = await openSession({ servers });
  const acl = [digestAcl('owner', 'secret'), digestAcl('reader', 'word', permission.read)];
  await owner.create('/n', Buffer.from('x'), { acl });
  expect((await reader.getData('/n')).data.toString()).toBe('x');
  await expect(reader.setData('/n', Buffer.from('y'), -1)).rejects.toMatchObject({
    code: 'NO_AUTH',
    details: { path: '/n' },
  });
  await expect(nobody.getData('/n')).rejects.toMatchObject({ code: 'NO_AUTH' });
  const { acl: seen, stat } = await owner.getAcl('/n');
  expect(seen).toEqual(acl);
  expect((await owner.setAcl('/n', OPEN_ACL, stat.aversion)).aversion).toBe(stat.aversion + 1);
  await expect(owner.setAcl('/n', OPEN_ACL, stat.aversion)).rejects.toMatchObject({
    code: 'BAD_VERSION',
  });
  expect((await nobody.getData('/n')).data.toString()).toBe('x');
  expect(await reader.whoAmI()).toContainEqual({ scheme: 'digest', id: 'reader' });
  await expect(
    nobody.create('/m', Buffer.alloc(0), { acl: CREATOR_ALL_ACL }),
  ).rejects.toMatchObject({ code: 'INVALID_ACL' });
  await expect(nobody.create('/m', Buffer.alloc(0), { acl: [] })).rejects.toMatchObject({
    code: 'INVALID_ACL',
  });
  await nobody.create('/m', Buffer.alloc(0), { acl: READ_ONLY_ACL });
  await expect(owner.setData('/m', Buffer.alloc(0), -1)).rejects.toMatchObject({ code: 'NO_AUTH' });
});

test('refused credentials are said, by the state and to all who wait, and not repeated at speed', async () => {
  await using server = await scriptedServer(({ op }) => (op === 100 ? { error: -115 } : {}));
  const clock = manualClock();
  const session = await openSession({
    servers: server.address,
    auth: [{ scheme: 'digest', credentials: 'a:b' }],
    clock,
    random: () => 0,
  });
  const reading = session.getData('/').catch((error: unknown) => error);
  await expect(session.connected()).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  expect(await reading).toMatchObject({ code: 'AUTH_FAILED' });
  expect(session.state).toMatchObject({ kind: 'connecting', reason: { code: 'AUTH_FAILED' } });
  await expect(session.exists('/')).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  const handshakes = (): number => server.requests.filter(({ op }) => op === undefined).length;
  await clock.advance(499);
  expect(handshakes()).toBe(1);
  await clock.advance(1);
  await eventually(() => expect(handshakes()).toBe(2));
  const closed = session.close();
  await clock.advance(10_000); // nobody answers its goodbye
  await closed;
});

test('a server that answers what nobody asked is left', async () => {
  let wrong = true;
  await using server = await scriptedServer(({ op }) => {
    if (op === 3 && wrong) {
      wrong = false;
      server.push(writer => writer.int(4711).long(1n).int(0));
      return 'silence';
    }
    return op === 3 ? { error: -101 } : {};
  });
  await using session = await openSession({ servers: server.address });
  expect(await session.exists('/n')).toBeUndefined();
  expect(server.requests.filter(({ op }) => op === undefined)).toHaveLength(2);
});

test('a packet of an impossible length ends that connection, not the process', async () => {
  let wrong = true;
  await using server = await scriptedServer(({ op, xid }) => {
    if (op !== 3) return {};
    if (!wrong) return { error: -101 };
    wrong = false;
    return { body: writer => writer.int(xid) };
  });
  await using session = await openSession({ servers: server.address });
  await expect(session.exists('/n')).rejects.toMatchObject({ code: 'MALFORMED_PACKET' });
  expect(await session.exists('/n')).toBeUndefined();
});

realOnly('it takes three servers')(
  'a session goes on at another server of the ensemble when its own is killed',
  async () => {
    await using zookeeper = await startZooKeeper({ servers: 3 });
    await using session = await openSession({
      servers: zookeeper.connectString,
      timeoutMs: 20_000,
    });
    await session.create('/mine', Buffer.alloc(0), { mode: 'ephemeral' });
    const used = session.server;
    const victim = zookeeper.servers.find(server => server.address === used);
    await victim?.kill();
    await eventually(() => expect(session.server).not.toBe(used), patience);
    await session.connected();
    expect(session.server).not.toBe(used);
    expect(session.epoch).toBe(1);
    expect((await session.exists('/mine'))?.ephemeralOwner).toBe(session.sessionId);
  },
);

test('an IPv6 literal reaches its server', async () => {
  const target = Number(sharedServers().split(':')[1]);
  const server = createServer(socket => {
    const onwards = connect({ host: '127.0.0.1', port: target });
    socket.pipe(onwards).pipe(socket);
    socket.on('error', () => onwards.destroy());
    onwards.on('error', () => socket.destroy());
  });
  await new Promise<void>(resolve => {
    server.listen(0, '::1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const session = await openSession({ servers: `[::1]:${port}` });
  await session.connected();
  expect(session.server).toBe(`[::1]:${port}`);
  await session.close();
  server.close();
});

test('the operations that the client library does not know are there', async () => {
  await using session = await openSession({ servers: await testServers() });
  expect(await session.features()).toEqual({
    multiRead: true,
    persistentWatches: true,
    containers: true,
  });
  await session.create('/box', Buffer.alloc(0), { mode: 'container' });
  await session.create('/box/e', Buffer.from('eee'), { mode: 'ephemeral' });
  await session.create('/box/p', Buffer.from('pp'));
  expect(await session.getEphemerals('/')).toEqual(['/box/e']);
  expect(await session.getAllChildrenNumber('/')).toBe(3);
  expect(
    await session.multiRead([
      { kind: 'data', path: '/box/p' },
      { kind: 'children', path: '/box' },
      { kind: 'data', path: '/missing' },
      { kind: 'children', path: '/missing' },
    ]),
  ).toMatchObject([
    { kind: 'data', path: '/box/p', data: Buffer.from('pp'), stat: { dataLengthBytes: 2 } },
    { kind: 'children', path: '/box', children: expect.arrayContaining(['e', 'p']) },
    { kind: 'error', path: '/missing', error: { code: 'NO_NODE' } },
    { kind: 'error', path: '/missing', error: { code: 'NO_NODE' } },
  ]);
  expect(await session.multiRead([])).toEqual([]);
  await session.sync('/');
  expect(session.state).toEqual({ kind: 'connected', epoch: 1 });
});

test('TTL nodes are made where the server allows them', async () => {
  await using zookeeper = await ownZooKeeper();
  await using session = await openSession({ servers: zookeeper.connectString });
  const { path } = await session.create('/t-', Buffer.from('x'), {
    mode: 'persistent-sequential-ttl',
    ttlMs: 200,
  });
  expect(path).toBe('/t-0000000000');
  await eventually(async () => expect(await session.exists(path)).toBeUndefined(), patience);
});

realOnly('the embedded server always has TTL nodes')(
  'TTL nodes are refused where the server does not allow them',
  async () => {
    await using strict = await startZooKeeper({
      properties: { 'zookeeper.extendedTypesEnabled': 'false' },
    });
    await using plain = await openSession({ servers: strict.connectString });
    await expect(
      plain.create('/t', Buffer.alloc(0), { mode: 'persistent-ttl', ttlMs: 200 }),
    ).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    expect(await plain.exists('/')).toBeDefined();
  },
);

test('an operation that the server does not know fails alone, although such a server closes the connection', async () => {
  await using server = await scriptedServer(({ op }) => {
    if (op !== 22) return op === 3 ? { error: -101 } : {};
    return { error: -6 };
  });
  await using session = await openSession({ servers: server.address });
  expect(await session.features()).toEqual({
    multiRead: false,
    persistentWatches: false,
    containers: false,
  });
  expect(await session.features()).toMatchObject({ multiRead: false });
  expect(session.requestCounts['multiRead']).toBe(1);
  expect(await session.exists('/n')).toBeUndefined();
});

test('bad paths, connect strings and options are refused before anything is sent', async () => {
  for (const servers of [
    '',
    'host:0',
    'host:99999',
    'a,,b',
    '::1:2181',
    'host:2181/a//b',
    'host:2181/..',
  ]) {
    await expect(openSession({ servers })).rejects.toMatchObject({
      code: 'INVALID_CONNECT_STRING',
    });
  }
  await expect(openSession({ servers: 'localhost', timeoutMs: 0 })).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
  });
  await expect(
    openSession({ servers: 'localhost', tls: { cert: 'no such thing' } }),
  ).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  await using session = await openSession({ servers: sharedServers() });
  for (const path of ['', 'a', '/a/', '//', '/a//b', '/a/../b', '/./a', '/a\u0000b']) {
    await expect(session.getData(path)).rejects.toMatchObject({ code: 'INVALID_PATH' });
    await expect(session.watchChildren(path, () => undefined)).rejects.toMatchObject({
      code: 'INVALID_PATH',
    });
    expect(() => session.transaction().check(path, 0)).toThrow(
      expect.objectContaining({ code: 'INVALID_PATH' }),
    );
  }
  await expect(session.create('/a-', Buffer.alloc(0), { guid: 'x' })).rejects.toMatchObject({
    code: 'BAD_ARGUMENTS',
  });
});
