import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { OP } from '../../src/kernel/wire.ts';
import { fourLetterWord, manualClock, startEmbedded } from '../../src/testing/index.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { type WireClient, wireClient } from '../support/wire-client.ts';
import { eventually } from '../support/eventually.ts';

const exists = (client: WireClient, path: string): ReturnType<WireClient['call']> =>
  client.call(OP.exists, writer => writer.string(path).bool(false));

const create = (client: WireClient, path: string, flags = 0): ReturnType<WireClient['call']> =>
  client.call(OP.create2, writer => {
    writer.string(path).bytes(Buffer.alloc(0));
    writer.vector([0], () => writer.int(31).string('world').string('anyone'));
    writer.int(flags);
  });

const ephemeral = 1;

test('a server closes twice as well as once, and gives its port back', async () => {
  const server = await startEmbedded();
  await Promise.all([server.close(), server.close()]);
  await using again = await startEmbedded({ listen: { port: server.port } });
  expect(again.connectString).toBe(`127.0.0.1:${server.port}`);
  await expect(startEmbedded({ listen: { port: server.port } })).rejects.toMatchObject({
    code: 'ZOOKEEPER_UNAVAILABLE',
  });
  await expect(startEmbedded({ tickTimeMs: 0 })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
});

test('the timeout is negotiated between two and twenty ticks', async () => {
  await using server = await startEmbedded({ tickTimeMs: 100, maxSessionTimeoutMs: 2_000 });
  for (const [timeoutMs, granted] of [
    [0, 200],
    [700, 700],
    [1_000_000, 2_000],
    [-5, 200],
  ] as const) {
    await using client = await wireClient(server.connectString);
    expect(await client.hello({ timeoutMs })).toMatchObject({ timeoutMs: granted });
  }
});

test('a client that sends no read-only flag gets none back', async () => {
  await using server = await startEmbedded();
  await using old = await wireClient(server.connectString);
  await using young = await wireClient(server.connectString);
  expect((await old.hello())?.lengthBytes).toBe(36);
  expect((await young.hello({ readOnly: false }))?.lengthBytes).toBe(37);
});

test('a session is taken up again with its password, and with no other; its owner is not disturbed', async () => {
  await using server = await startEmbedded();
  await using owner = await wireClient(server.connectString);
  const { sessionId = 0n, password = Buffer.alloc(0) } = (await owner.hello()) ?? {};
  await create(owner, '/mine', ephemeral);
  for (const wrong of [Buffer.alloc(16), Buffer.alloc(0), Buffer.concat([password, password])]) {
    await using thief = await wireClient(server.connectString);
    expect(await thief.hello({ sessionId, password: wrong })).toMatchObject({
      timeoutMs: 0,
      sessionId: 0n,
    });
    await thief.ended;
  }
  expect((await exists(owner, '/mine'))?.error).toBe(0);
  await using again = await wireClient(server.connectString);
  expect(await again.hello({ sessionId, password })).toMatchObject({ sessionId });
  await owner.ended;
  expect((await exists(again, '/mine'))?.error).toBe(0);
});

test('who comes back to a session that has ended is not given the session of another, not even when the clock stands still', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-sessions-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const clock = manualClock();
  const first = await startEmbedded({ dataDir, clock });
  await using early = await wireClient(first.connectString);
  const { sessionId = 0n, password = Buffer.alloc(0) } = (await early.hello()) ?? {};
  await early.call(OP.closeSession);
  await first.close();
  await using second = await startEmbedded({ dataDir, clock });
  await using late = await wireClient(second.connectString);
  expect((await late.hello())?.sessionId).not.toBe(sessionId);
  await using back = await wireClient(second.connectString);
  expect(await back.hello({ sessionId, password })).toMatchObject({ sessionId: 0n });
});

test('after a restart in memory only, a client hears that its session is gone', async () => {
  const first = await startEmbedded();
  const client = await wireClient(first.connectString);
  const { sessionId = 0n, password = Buffer.alloc(0) } = (await client.hello()) ?? {};
  const { zxid: lastZxid = 0n } = (await create(client, '/n')) ?? {};
  await first.close();
  await client.ended;
  await using second = await startEmbedded({ listen: { port: first.port } });
  await using back = await wireClient(second.connectString);
  expect(await back.hello({ sessionId, password, lastZxid })).toMatchObject({ timeoutMs: 0 });
});

test('a client that has seen a later state is refused without a word', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  expect(await client.hello({ lastZxid: 2n ** 53n - 1n })).toBeUndefined();
});

test('a silent client is expired a tick after its timeout at the latest, and its nodes go at one zxid', async () => {
  const clock = manualClock({ wallMs: Date.now() });
  await using server = await startEmbedded({ clock });
  await using watcher = await wireClient(server.connectString);
  await using silent = await wireClient(server.connectString);
  await watcher.hello({ timeoutMs: 60_000 });
  await silent.hello({ timeoutMs: 1_000 });
  for (const path of ['/e1', '/e2']) await create(silent, path, ephemeral);
  for (const path of ['/e1', '/e2'])
    await watcher.call(OP.exists, writer => writer.string(path).bool(true));
  await clock.advance(950);
  expect((await exists(watcher, '/e1'))?.error).toBe(0);
  await clock.advance(300);
  await silent.ended;
  expect((await exists(watcher, '/e1'))?.error).toBe(-101);
  expect(watcher.takeEvents().map(({ type, path }) => `${type} ${path}`)).toEqual([
    '2 /e1',
    '2 /e2',
  ]);
  const parent = await watcher.call(OP.getChildren2, writer => writer.string('/').bool(false));
  expect(parent?.error).toBe(0);
});

test('while the event loop stands still nobody is expired', async () => {
  const clock = manualClock({ wallMs: Date.now() });
  await using server = await startEmbedded({ clock });
  await using client = await wireClient(server.connectString);
  await client.hello({ timeoutMs: 1_000 });
  await create(client, '/mine', ephemeral);
  for (let stall = 0; stall < 5; stall += 1) {
    clock.jump(30_000);
    await clock.advance(60);
  }
  expect((await exists(client, '/mine'))?.error).toBe(0);
  await clock.advance(2_000);
  await client.ended;
});

test.each([
  [20, 1_000_000],
  [200, 100_000],
])(
  'whoever takes long over %d answers of %d bytes, and says that it lives, keeps its session',
  async (answers, bytes) => {
    const clock = manualClock({ wallMs: Date.now() });
    await using server = await startEmbedded({ clock });
    await using client = await wireClient(server.connectString);
    await using other = await wireClient(server.connectString);
    await other.hello({ timeoutMs: 60_000 });
    await client.hello({ timeoutMs: 1_000 });
    await client.call(OP.create, writer => {
      writer.string('/big').bytes(Buffer.alloc(bytes));
      writer.vector([0], () => writer.int(31).string('world').string('anyone')).int(0);
    });
    client.socket.pause();
    for (let count = 0; count < answers; count += 1)
      client.send(OP.getData, writer => writer.string('/big').bool(false));
    for (let halves = 0; halves < 10; halves += 1) {
      client.send(OP.ping, undefined, -2);
      for (let turns = 0; turns < 5; turns += 1) await exists(other, '/'); // by then it has arrived
      await clock.advance(500);
    }
    client.socket.resume();
    for (let count = 0; count < answers + 10; count += 1)
      expect(await client.next()).toMatchObject({ kind: 'reply', error: 0 });
    expect((await exists(client, '/big'))?.error).toBe(0);
  },
);

test('a connection that does not say who it is is ended', async () => {
  const clock = manualClock();
  await using server = await startEmbedded({ clock });
  await using stranger = await wireClient(server.connectString);
  stranger.socket.write(Buffer.from([0, 0]));
  await clock.advance(9_000);
  expect(stranger.socket.destroyed).toBe(false);
  await clock.advance(3_000);
  await stranger.ended;
});

test('a client that keeps its side open after its session has ended is let go', async () => {
  const clock = manualClock();
  await using server = await startEmbedded({ clock });
  const stubborn = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  stubborn.on('error', () => undefined);
  const over = new Promise(resolve => stubborn.once('close', resolve));
  stubborn.write('srvr');
  const told = new Promise(resolve => stubborn.once('end', resolve));
  stubborn.resume();
  await told;
  const connections = async (): Promise<string> =>
    /^Connections: (\d+)$/m.exec(await fourLetterWord(server.port, 'srvr'))?.[1] ?? '';
  expect(await connections()).toBe('2');
  await clock.advance(12_000);
  await eventually(async () => expect(await connections()).toBe('1'));
  stubborn.destroy();
  await over;
});

test('an operation that is not known is answered, and ends the connection, not the session', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  const { sessionId = 0n, password = Buffer.alloc(0) } = (await client.hello()) ?? {};
  for (const op of [102, 9_999]) {
    await using again = await wireClient(server.connectString);
    await again.hello({ sessionId, password });
    expect((await again.call(op))?.error).toBe(-6);
    await again.ended;
  }
  await using last = await wireClient(server.connectString);
  expect(await last.hello({ sessionId, password })).toMatchObject({ sessionId });
});

test('credentials of a scheme that is not known are refused, and the connection ends', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  await client.hello();
  const auth = (scheme: string): ReturnType<WireClient['call']> =>
    client.call(OP.auth, writer => writer.int(0).string(scheme).bytes(Buffer.from('u:p')), -4);
  expect(await auth('digest')).toMatchObject({ xid: -4, zxid: 0n, error: 0 });
  expect(await auth('kerberos')).toMatchObject({ xid: -4, error: -115 });
  await client.ended;
});

test('containers go when their last child has gone, TTL nodes when nobody writes them; neither before', async () => {
  const clock = manualClock({ wallMs: Date.now() });
  await using server = await startEmbedded({ clock });
  await using session = await openSession({ servers: server.connectString, timeoutMs: 60_000 });
  const none = Buffer.alloc(0);
  await session.create('/empty', none, { mode: 'container' });
  await session.create('/used', none, { mode: 'container' });
  await session.create('/used/child');
  await session.create('/ttl', none, { mode: 'persistent-ttl', ttlMs: 500 });
  await clock.advance(400);
  await session.setData('/ttl', none, -1);
  await session.remove('/used/child', -1);
  await clock.advance(400);
  const there = async (): Promise<readonly string[]> =>
    [...(await session.getChildren('/')).children].toSorted();
  expect(await there()).toEqual(['empty', 'ttl', 'zookeeper']);
  await clock.advance(300);
  expect(await there()).toEqual(['empty', 'zookeeper']);
});

test('four-letter words are answered before a handshake, and only then', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  const { sessionId = 0n } = (await client.hello()) ?? {};
  await client.call(OP.exists, writer => writer.string('/x').bool(true));
  expect(await fourLetterWord(server.port, 'ruok')).toBe('imok');
  const srvr = await fourLetterWord(server.port, 'srvr');
  expect(srvr).toMatch(/^Zookeeper version: 3\.8\.0/);
  expect(srvr).toMatch(/\nZxid: 0x[0-9a-f]+\nMode: standalone\nNode count: 5\n$/);
  expect(await fourLetterWord(server.port, 'cons')).toContain(`sid=0x${sessionId.toString(16)}`);
  expect(await fourLetterWord(server.port, 'stat')).toContain('Clients:\n /127.0.0.1:');
  expect(await fourLetterWord(server.port, 'wchs')).toContain('Total watches:1\n');
  const mntr = await fourLetterWord(server.port, 'mntr');
  for (const line of ['zk_server_state\tstandalone', 'zk_znode_count\t5', 'zk_watch_count\t1'])
    expect(mntr).toContain(`${line}\n`);
  const slowly = connect(server.port, '127.0.0.1');
  let answer = '';
  slowly.on('data', (bytes: Buffer) => (answer += bytes.toString()));
  for (const letter of 'ruok') {
    slowly.write(letter);
    await new Promise(resolve => void setImmediate(resolve));
  }
  await eventually(() => expect(answer).toBe('imok'));
  client.socket.write('ruok');
  await client.ended;
});
