import { expect, test, vi } from 'vitest';
import { faultProxy } from '../../src/testing/index.ts';
import type { WatchEvent } from '../../src/zookeeper/api.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { eventually } from '../support/eventually.ts';
import { ownZooKeeper } from '../support/own-zookeeper.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const patience = { timeout: 20_000, interval: 5 };

function chrootOf(servers: string): string {
  return servers.slice(servers.indexOf('/'));
}

/** A listener and what it heard. */
function ear(): { readonly heard: string[]; readonly listen: (event: WatchEvent) => void } {
  const heard: string[] = [];
  return { heard, listen: ({ type, path }) => void heard.push(`${type} ${path}`) };
}

/** Two sessions on a node of their own; what the second did has been seen by the first when `settled` resolves. */
async function pair(): Promise<{
  readonly watcher: Awaited<ReturnType<typeof openSession>>;
  readonly writer: Awaited<ReturnType<typeof openSession>>;
  readonly settled: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}> {
  const servers = await testServers();
  const watcher = await openSession({ servers });
  const writer = await openSession({ servers });
  return {
    watcher,
    writer,
    settled: () => watcher.sync('/'),
    async [Symbol.asyncDispose]() {
      await Promise.all([watcher.close(), writer.close()]);
    },
  };
}

test('a one-shot watch fires once, and a persistent one each time', async () => {
  await using both = await pair();
  const { watcher, writer, settled } = both;
  await writer.create('/a');
  const once = ear();
  const always = ear();
  await watcher.watchData('/a', once.listen);
  await watcher.addWatch('/', 'persistent-recursive', always.listen);
  await writer.setData('/a', Buffer.from('1'), -1);
  await writer.setData('/a', Buffer.from('2'), -1);
  await writer.create('/a/b');
  await settled();
  expect(always.heard).toEqual(['data-changed /a', 'data-changed /a', 'created /a/b']);
  expect(once.heard).toEqual(['data-changed /a']);
});

test('each kind of one-shot watch hears its own events, with what was read', async () => {
  await using both = await pair();
  const { watcher, writer, settled } = both;
  const coming = ear();
  const children = ear();
  const data = ear();
  const there = ear();
  const { stat } = await watcher.watchExists('/n', coming.listen);
  expect(stat).toBeUndefined();
  await writer.create('/n', Buffer.from('x'));
  await settled();
  expect(coming.heard).toEqual(['created /n']);
  expect((await watcher.watchData('/n', data.listen)).data.toString()).toBe('x');
  expect((await watcher.watchExists('/n', there.listen)).stat?.dataLengthBytes).toBe(1);
  expect((await watcher.watchChildren('/n', children.listen)).children).toEqual([]);
  await writer.create('/n/c');
  await writer.remove('/n/c', -1);
  await writer.remove('/n', -1);
  await settled();
  expect(children.heard).toEqual(['children-changed /n']);
  expect(data.heard).toEqual(['deleted /n']);
  expect(there.heard).toEqual(['deleted /n']);
});

test('a persistent watch hears its node and its children, not what lies deeper', async () => {
  await using both = await pair();
  const { watcher, writer, settled } = both;
  const { heard, listen } = ear();
  await watcher.addWatch('/n', 'persistent', listen);
  await writer.create('/n');
  await writer.create('/n/c');
  await writer.create('/n/c/d');
  await writer.setData('/n', Buffer.from('x'), -1);
  await settled();
  expect(heard).toEqual(['created /n', 'children-changed /n', 'data-changed /n']);
});

test('a one-shot watch on the path of a persistent one takes nothing from it', async () => {
  for (const mode of ['persistent', 'persistent-recursive'] as const) {
    await using both = await pair();
    const { watcher, writer, settled } = both;
    await writer.create('/n');
    const always = ear();
    const once = ear();
    const children = ear();
    await watcher.addWatch('/n', mode, always.listen);
    await watcher.watchData('/n', once.listen);
    await watcher.watchChildren('/n', children.listen);
    await writer.setData('/n', Buffer.from('1'), -1);
    await writer.create('/n/c');
    await writer.setData('/n', Buffer.from('2'), -1);
    await writer.create('/n/d');
    await settled();
    const own = always.heard.filter(event => event.endsWith('/n'));
    expect(own.filter(event => event === 'data-changed /n')).toHaveLength(2);
    expect(always.heard.filter(event => event !== 'data-changed /n')).toEqual(
      mode === 'persistent'
        ? ['children-changed /n', 'children-changed /n']
        : ['created /n/c', 'created /n/d'],
    );
    expect(once.heard).toEqual(['data-changed /n']);
    expect(children.heard).toEqual(['children-changed /n']);
  }
});

test('both kinds of persistent watch live on one path, in either order, and each hears what it asked for', async () => {
  for (const first of ['persistent', 'persistent-recursive'] as const) {
    await using both = await pair();
    const { watcher, writer, settled } = both;
    const second = first === 'persistent' ? 'persistent-recursive' : 'persistent';
    const ears = { persistent: ear(), 'persistent-recursive': ear() };
    await watcher.addWatch('/n', first, ears[first].listen);
    await watcher.addWatch('/n', second, ears[second].listen);
    await writer.create('/n');
    await writer.create('/n/c');
    await writer.setData('/n/c', Buffer.from('1'), -1);
    await settled();
    expect(ears.persistent.heard).toEqual(['created /n', 'children-changed /n']);
    expect(ears['persistent-recursive'].heard).toEqual([
      'created /n',
      'created /n/c',
      'data-changed /n/c',
    ]);
  }
});

test('a watch that was closed is forgotten by the server, when nobody else needs it', async () => {
  await using zookeeper = await ownZooKeeper();
  await using session = await openSession({ servers: zookeeper.connectString });
  const watched = async (): Promise<number> =>
    Number(/Total watches:(\d+)/.exec(await zookeeper.ask('wchs'))?.[1]);
  await session.create('/n');
  const ignore = (): void => undefined;
  const first = await session.watchData('/n', ignore);
  const second = await session.watchExists('/n', ignore);
  const children = await session.watchChildren('/n', ignore);
  const missing = await session.watchExists('/missing', ignore);
  const recursive = await session.addWatch('/r', 'persistent-recursive', ignore);
  const same = await session.addWatch('/r', 'persistent-recursive', ignore);
  const plain = await session.addWatch('/p', 'persistent', ignore);
  const before = await watched();
  await first.watch.close();
  await same.close();
  expect(await watched()).toBe(before);
  for (const watch of [second.watch, children.watch, missing.watch, recursive, plain])
    await watch.close();
  await second.watch.close();
  expect(await watched()).toBe(0);
});

test('a wait that was given up leaves no watch behind, and is never called', async () => {
  await using zookeeper = await ownZooKeeper();
  await using proxy = await faultProxy({ target: zookeeper.connectString });
  await using session = await openSession({ servers: proxy.address });
  await session.create('/n');
  proxy.pause('down');
  const giveUp = new AbortController();
  const { heard, listen } = ear();
  const waits = [
    session.watchData('/n', listen, { signal: giveUp.signal }),
    session.watchChildren('/n', listen, { signal: giveUp.signal }),
    session.addWatch('/n/deep', 'persistent', listen, { signal: giveUp.signal }),
  ].map(wait => wait.catch((error: unknown) => error));
  await eventually(
    async () => expect(await zookeeper.ask('wchs')).toMatch(/Total watches:[1-9]/),
    patience,
  );
  giveUp.abort(new Error('enough'));
  for (const end of await Promise.all(waits)) expect(end).toMatchObject({ message: 'enough' });
  proxy.resume('down');
  await eventually(
    async () => expect(await zookeeper.ask('wchs')).toContain('Total watches:0'),
    patience,
  );
  await session.setData('/n', Buffer.from('x'), -1);
  expect(heard).toEqual([]);
});

test('when a persistent watch is closed, the one-shots that it served are told to look again', async () => {
  await using both = await pair();
  const { watcher, writer, settled } = both;
  await writer.create('/n');
  const once = ear();
  const persistent = await watcher.addWatch('/n', 'persistent', () => undefined);
  await watcher.watchData('/n', once.listen);
  await persistent.close();
  expect(once.heard).toEqual(['data-changed /n']);
  await settled();
});

test('many listeners share one watch, and one that throws keeps nobody from hearing', async () => {
  await using both = await pair();
  const { watcher, writer, settled } = both;
  await writer.create('/n');
  const { heard, listen } = ear();
  await watcher.watchData('/n', () => {
    throw new Error('a bad listener');
  });
  for (let count = 0; count < 50; count += 1) await watcher.watchData('/n', listen);
  await writer.setData('/n', Buffer.from('x'), -1);
  await settled();
  expect(heard).toHaveLength(50);
});

test('an event comes before the answer that shows its change, and lastZxid never runs ahead of events', async () => {
  await using both = await pair();
  const { watcher, writer } = both;
  await writer.create('/n');
  let events = 0;
  await watcher.addWatch('/n', 'persistent', () => {
    events += 1;
  });
  let last = 0;
  for (let version = 1; version <= 200; version += 1) {
    void writer.setData('/n', Buffer.from(String(version)), -1);
    const { stat } = await watcher.getData('/n');
    expect(stat.version).toBeGreaterThanOrEqual(last);
    last = stat.version;
    expect(events).toBeGreaterThanOrEqual(stat.version);
    expect(watcher.lastZxid).toBeGreaterThanOrEqual(stat.mzxid);
  }
});

test('watches are in place again after a reconnect, and one-shots tell what was missed', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using watcher = await openSession({ servers: proxy.address + chrootOf(servers) });
  await using writer = await openSession({ servers });
  await writer.create('/a');
  await writer.create('/covered');
  const once = ear();
  const child = ear();
  const coming = ear();
  const covered = ear();
  const always = ear();
  await watcher.watchData('/a', once.listen);
  await watcher.watchChildren('/a', child.listen);
  await watcher.watchExists('/b', coming.listen);
  await watcher.addWatch('/covered', 'persistent', () => undefined);
  await watcher.watchData('/covered', covered.listen);
  await watcher.addWatch('/', 'persistent-recursive', always.listen);
  const attached: boolean[] = [];
  watcher.onAttached(({ resumed }) => attached.push(resumed));
  await proxy.cut();
  await eventually(() => expect(watcher.state.kind).toBe('suspended'), patience);
  await writer.setData('/a', Buffer.from('1'), -1);
  await writer.create('/b');
  await proxy.heal();
  await watcher.connected();
  expect(watcher.epoch).toBe(1);
  expect(attached).toEqual([true]);
  expect(once.heard).toEqual(['data-changed /a']);
  expect(coming.heard).toEqual(['created /b']);
  expect(covered.heard).toEqual(['data-changed /covered']);
  expect(child.heard).toEqual([]);
  await writer.create('/a/c');
  await watcher.sync('/');
  expect(always.heard.at(-1)).toBe('created /a/c');
  expect(child.heard).toEqual(['children-changed /a']);
  expect(once.heard).toHaveLength(1);
});

test('twelve thousand watches with long paths survive a reconnect', async () => {
  const servers = await testServers();
  await using proxy = await faultProxy({ target: sharedServers() });
  await using watcher = await openSession({
    servers: proxy.address + chrootOf(servers),
    timeoutMs: 30_000,
  });
  await using writer = await openSession({ servers });
  const name = 'n'.repeat(80);
  const { heard, listen } = ear();
  const paths = Array.from({ length: 12_000 }, (_, index) => `/${name}${index}`);
  await Promise.all(paths.map(path => watcher.watchExists(path, listen)));
  const attached = vi.fn();
  watcher.onAttached(attached);
  proxy.dropConnections();
  await eventually(() => expect(attached).toHaveBeenCalled(), patience);
  expect(watcher.requestCounts['setWatches']).toBeGreaterThan(8);
  for (const path of [paths[0], paths[6000], paths.at(-1)]) await writer.create(path ?? '');
  await watcher.sync('/');
  expect(heard).toHaveLength(3);
  expect(watcher.epoch).toBe(1);
});

test('watches go over to a new session when the old one is gone', async () => {
  await using zookeeper = await ownZooKeeper();
  await using proxy = await faultProxy({ target: zookeeper.connectString });
  await using watcher = await openSession({ servers: proxy.address, timeoutMs: 800 });
  await using writer = await openSession({ servers: zookeeper.connectString, timeoutMs: 10_000 });
  await writer.create('/n');
  const once = ear();
  const always = ear();
  await watcher.watchData('/n', once.listen);
  await watcher.addWatch('/', 'persistent-recursive', always.listen);
  const { sessionId } = watcher;
  await proxy.cut();
  await eventually(
    async () => expect(await zookeeper.ask('cons')).not.toContain(`0x${sessionId?.toString(16)}`),
    patience,
  );
  await eventually(() => expect(watcher.state.kind).toBe('lost'), patience);
  await eventually(
    async () => expect(await zookeeper.ask('dump')).not.toContain(`0x${sessionId?.toString(16)}`),
    patience,
  );
  await writer.setData('/n', Buffer.from('x'), -1);
  await proxy.heal();
  await watcher.connected();
  expect(watcher.epoch).toBe(2);
  expect(watcher.sessionId).not.toBe(sessionId);
  expect(once.heard).toEqual(['data-changed /n']);
  await writer.create('/m');
  await watcher.sync('/');
  expect(always.heard.at(-1)).toBe('created /m');
});
