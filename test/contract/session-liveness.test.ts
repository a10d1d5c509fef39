import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { faultProxy, manualClock, startZooKeeper } from '../../src/testing/index.ts';
import { deferred } from '../../src/kernel/abort.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { SessionState } from '../../src/zookeeper/api.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { eventually } from '../support/eventually.ts';
import { ownZooKeeper, realOnly } from '../support/own-zookeeper.ts';
import { SCRIPTED_SESSION, scriptedServer } from '../support/scripted-server.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

/** A wait that fails clearly instead of by the test's own deadline. */
const patience = { timeout: 20_000, interval: 10 };

test('a server that is frozen is noticed: suspended, then lost, without a word from any server', async () => {
  await using zookeeper = await ownZooKeeper();
  await using session = await openSession({ servers: zookeeper.connectString, timeoutMs: 3000 });
  await session.connected();
  const states: SessionState['kind'][] = [];
  session.onState(({ kind }) => states.push(kind));
  const { signal } = session;
  zookeeper.freeze();
  await eventually(() => expect(session.state.kind).toBe('lost'), patience);
  expect(states).toEqual(['suspended', 'lost']);
  expect(signal.aborted).toBe(true);
  expect(session.trusted()).toBe(false);
  zookeeper.thaw();
  await session.connected();
  expect(session.epoch).toBe(2);
  expect(session.signal.aborted).toBe(false);
});

test('an ensemble that was down for longer than the timeout expires nobody: the old session is taken up again', async () => {
  await using zookeeper = await ownZooKeeper();
  // A server that is back grants this time anew: it has to last until a busy machine has us there.
  await using session = await openSession({ servers: zookeeper.connectString, timeoutMs: 6000 });
  const attached: unknown[] = [];
  session.onAttached(({ epoch, resumed, sessionId }) =>
    attached.push([epoch, resumed, sessionId === session.sessionId]),
  );
  await session.create('/mine', Buffer.alloc(0), { mode: 'ephemeral' });
  const { sessionId } = session;
  await zookeeper.kill();
  await eventually(() => expect(session.state.kind).toBe('lost'), patience);
  await zookeeper.start();
  await session.connected();
  expect(session.sessionId).toBe(sessionId);
  expect(attached).toEqual([
    [1, false, true],
    [2, true, true],
  ]);
  expect((await session.exists('/mine'))?.ephemeralOwner).toBe(sessionId);
});

test('a partition shorter than the timeout suspends, and keeps the epoch', async () => {
  await using proxy = await faultProxy({ target: sharedServers() });
  await using session = await openSession({ servers: proxy.address, timeoutMs: 10_000 });
  await session.connected();
  const { signal } = session;
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'), patience);
  await proxy.heal();
  await session.connected();
  expect(session.epoch).toBe(1);
  expect(signal.aborted).toBe(false);
  expect(session.trusted()).toBe(true);
});

test('bytes that arrive do not make a server alive: only answers do', async () => {
  await using server = await scriptedServer(({ op }) => (op === undefined ? {} : 'silence'), 900);
  await using session = await openSession({ servers: server.address, timeoutMs: 900 });
  await session.connected();
  const chatter = new AbortController();
  const talk = async (): Promise<void> => {
    while (!chatter.signal.aborted) {
      server.push(writer => writer.int(-1).long(-1n).int(0).int(3).int(3).string('/a'));
      await systemClock.sleep(20, chatter.signal).catch(() => undefined);
    }
  };
  const talking = talk();
  await eventually(() => expect(session.state.kind).not.toBe('connected'), patience);
  chatter.abort();
  await talking;
});

test('a client that only receives pings all the same', async () => {
  await using server = await scriptedServer(
    ({ op }) => (op === undefined || op === 11 ? {} : 'silence'),
    3_000,
  );
  await using session = await openSession({ servers: server.address, timeoutMs: 3_000 });
  await session.connected();
  const chatter = new AbortController();
  const talk = async (): Promise<void> => {
    while (!chatter.signal.aborted) {
      server.push(writer => writer.int(-1).long(-1n).int(0).int(3).int(3).string('/a'));
      await systemClock.sleep(20, chatter.signal).catch(() => undefined);
    }
  };
  const talking = talk();
  await eventually(() => expect(session.requestCounts['ping']).toBeGreaterThanOrEqual(4), patience);
  chatter.abort();
  await talking;
  expect(session.state).toEqual({ kind: 'connected', epoch: 1 });
});

test('after a pause of the process the session is not trusted, before any timer has run', async () => {
  const clock = manualClock();
  await using session = await openSession({ servers: sharedServers(), timeoutMs: 4000, clock });
  await session.connected();
  expect(session.trusted()).toBe(true);
  clock.jump(2700);
  expect(session.trusted()).toBe(false);
  expect(session.state.kind).toBe('suspended');
  clock.jump(1400);
  await expect(session.getData('/')).rejects.toMatchObject({ code: 'SESSION_LOST' });
  expect(session.state.kind).toBe('lost');
  expect(session.signal.aborted).toBe(true);
});

test('an answer that comes too late does not bring a session back to life', async () => {
  const clock = manualClock();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using session = await openSession({ servers: proxy.address, timeoutMs: 4000, clock });
  await session.connected();
  const states: SessionState['kind'][] = [];
  session.onState(({ kind }) => states.push(kind));
  proxy.pause('down');
  const read = session.exists('/').catch((error: unknown) => error);
  await eventually(() => expect(session.requestCounts['exists']).toBe(1));
  clock.jump(4100);
  proxy.resume('down');
  expect(await read).toMatchObject({ code: 'SESSION_LOST' });
  expect(states.slice(0, 2)).toEqual(['suspended', 'lost']);
});

test('when a server says that the session expired, it is lost and a new one begins', async () => {
  let expired = false;
  await using server = await scriptedServer(({ op, connection, body }) => {
    if (op !== undefined) return op === 3 && connection === 0 ? 'hang up' : {};
    body.int();
    body.long();
    body.int();
    const asked = body.long();
    if (connection === 0) return {};
    expired ||= asked === SCRIPTED_SESSION;
    return asked === 0n
      ? { body: writer => writer.int(0).int(9000).long(77n).bytes(Buffer.alloc(16)) }
      : { body: writer => writer.int(0).int(0).long(0n).bytes(Buffer.alloc(16)) };
  });
  await using session = await openSession({ servers: server.address });
  await session.connected();
  const states: SessionState['kind'][] = [];
  session.onState(({ kind }) => states.push(kind));
  const attached: unknown[] = [];
  session.onAttached(event => attached.push(event));
  await expect(session.exists('/')).rejects.toMatchObject({ code: 'SESSION_LOST' });
  await session.connected();
  expect(expired).toBe(true);
  expect(states).toEqual(['suspended', 'lost', 'connected']);
  expect(attached).toEqual([{ epoch: 2, resumed: false, sessionId: 77n }]);
});

test('a server that accepts and stays mute does not keep the others from being tried', async () => {
  await using server = await scriptedServer(() => 'silence');
  await using session = await openSession({
    servers: `${server.address},${sharedServers()}`,
    random: () => 0.5,
    connectTimeoutMs: 300,
  });
  await session.connected();
  expect(session.server).toBe(sharedServers());
});

test('a handshake that nobody answers leaves time for another before the session is lost', async () => {
  await using server = await scriptedServer(({ op, connection }) => {
    if (op === undefined) return connection === 1 ? 'silence' : {};
    return op === 3 && connection === 0 ? 'hang up' : {};
  }, 9_000);
  await using session = await openSession({ servers: server.address, timeoutMs: 9_000 });
  await session.connected();
  const states: SessionState['kind'][] = [];
  session.onState(({ kind }) => states.push(kind));
  const attached: boolean[] = [];
  session.onAttached(({ resumed }) => attached.push(resumed));
  const read = session.exists('/').catch((error: unknown) => error);
  await eventually(() => expect(attached).toEqual([true]));
  expect(states).toEqual(['suspended', 'connected']);
  await read;
});

test('a server that takes nobody is not asked at speed', async () => {
  let connections = 0;
  const server = createServer(socket => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const clock = manualClock();
  const session = await openSession({ servers: `127.0.0.1:${port}`, clock, random: () => 0 });
  const waits: number[] = [];
  for (let round = 1; round <= 8; round += 1) {
    await eventually(() => expect(connections).toBe(round));
    await eventually(() => expect(clock.pendingTimers).toBe(1));
    const before = clock.nowMs();
    while (connections === round) {
      await clock.advance(5);
      await systemClock.sleep(1);
    }
    waits.push(clock.nowMs() - before);
  }
  expect(waits.at(-1)).toBeGreaterThan((waits[0] ?? 0) * 8);
  await session.close();
  server.close();
});

test('close ends although no server can be reached', async () => {
  await using proxy = await faultProxy({ target: sharedServers() });
  const session = await openSession({ servers: proxy.address, timeoutMs: 4000 });
  await session.connected();
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'), patience);
  const waiting = session.getData('/').catch((error: unknown) => error);
  await session.close();
  expect(session.state).toEqual({ kind: 'closed' });
  expect(await waiting).toMatchObject({ code: 'SESSION_CLOSED' });
  await expect(session.connected()).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
});

test('close takes the ephemeral nodes with it, also while the session is on its way to another server', async () => {
  const servers = await testServers();
  const chroot = servers.slice(servers.indexOf('/'));
  await using observer = await openSession({ servers });
  await using proxy = await faultProxy({ target: sharedServers() });
  const session = await openSession({ servers: proxy.address + chroot, timeoutMs: 20_000 });
  await session.create('/e', Buffer.alloc(0), { mode: 'ephemeral' });
  // Heard of, and not looked for: it is soon on its way back.
  const suspended = deferred<void>();
  session.onState(({ kind }) => {
    if (kind === 'suspended') suspended.resolve();
  });
  proxy.dropConnections();
  await suspended.promise;
  await session.close();
  expect(await observer.exists('/e')).toBeUndefined();
});

realOnly('the zxids of an embedded server begin with the clock: it is never behind')(
  'an ensemble that was rebuilt from nothing, and is behind what we saw, takes us again',
  async () => {
    const first = await startZooKeeper();
    const port = first.servers[0]?.port ?? 0;
    await using session = await openSession({ servers: first.connectString, timeoutMs: 3000 });
    for (let count = 0; count < 50; count += 1) await session.ensurePath(`/n${count}`);
    const seen = session.lastZxid;
    await first.close();
    await using second = await startZooKeeper({ port });
    expect(second.connectString).toBe(`127.0.0.1:${port}`);
    await eventually(() => expect(session.state.kind).toBe('connected'), patience);
    expect(session.epoch).toBe(2);
    expect(await session.exists('/n1')).toBeUndefined();
    expect(session.lastZxid).toBeLessThan(seen);
  },
);

realOnly('it takes three servers')(
  'a server without a quorum closes handshakes too, and the old session outlives that',
  async () => {
    await using zookeeper = await startZooKeeper({ servers: 3 });
    let tries = 0;
    const count = (): void => {
      tries += 1;
    };
    await using session = await openSession({
      servers: zookeeper.connectString,
      timeoutMs: 5000, // granted anew by the quorum that is back: enough for a busy machine
      logger: { debug: count, info: () => undefined, warn: count, error: () => undefined },
    });
    await session.create('/mine', Buffer.alloc(0), { mode: 'ephemeral' });
    const { sessionId } = session;
    const [, second, third] = zookeeper.servers;
    await Promise.all([second?.kill(), third?.kill()]);
    await eventually(() => expect(session.state.kind).toBe('lost'), patience);
    tries = 0;
    await eventually(() => expect(tries).toBeGreaterThanOrEqual(24), { timeout: 40_000 });
    await Promise.all([second?.start(), third?.start()]);
    await session.connected();
    expect(session.sessionId).toBe(sessionId);
    expect((await session.exists('/mine'))?.ephemeralOwner).toBe(sessionId);
  },
);
