import { expect, onTestFinished, test } from 'vitest';
import { announce, layout } from '../../src/registry/index.ts';
import { faultProxy, type FaultProxy, startZooKeeper } from '../../src/testing/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { ownZooKeeper, type OwnZooKeeper, realOnly } from '../support/own-zookeeper.ts';
import { type Crowd, crowd } from '../support/crowd.ts';
import { createsOf, testSession } from '../support/session.ts';
import { type SseClient, sseClient } from '../support/sse-client.ts';
import { streamCopy } from '../support/stream-copy.ts';
import { ask, idsOf, startSystem, type System } from '../support/system.ts';

const WAIT = { timeout: 60_000, interval: 20 };
/** Sessions shall end soon in an outage, and not before it because the machine is busy. */
const TIMEOUT_MS = 3_000;
const where = layout();

/** A daemon and nine providers of three sessions, on a ZooKeeper that is theirs. The way to it can be cut for each side alone. */
interface Stage {
  readonly zookeeper: OwnZooKeeper;
  readonly daemonLink: FaultProxy;
  readonly providerLink: FaultProxy;
  readonly system: System;
  readonly crowd: Crowd;
  readonly stream: SseClient;
}

async function stage(): Promise<Stage> {
  const zookeeper = await ownZooKeeper();
  onTestFinished(() => zookeeper.close());
  const link = async (): Promise<FaultProxy> => {
    const proxy = await faultProxy({ target: zookeeper.connectString });
    onTestFinished(() => proxy.close());
    return proxy;
  };
  const [daemonLink, providerLink] = [await link(), await link()];
  const providers = await crowd(providerLink.address, {
    sessions: 3,
    each: 3,
    timeoutMs: TIMEOUT_MS,
  });
  const system = await startSystem(daemonLink.address, { timeoutMs: TIMEOUT_MS });
  const stream = await openStream(system);
  return { zookeeper, daemonLink, providerLink, system, crowd: providers, stream };
}

async function openStream(system: System): Promise<SseClient> {
  const stream = await sseClient(`${system.url}/v1/watch?service=orders`);
  onTestFinished(() => stream[Symbol.asyncDispose]());
  return stream;
}

const idsInView = async ({ system }: Pick<Stage, 'system'>): Promise<readonly string[]> =>
  idsOf((await system.providers('orders')).providers);

/** It says so, and goes on answering with what it knows. */
async function isStaleAndAnswers(told: Pick<Stage, 'system' | 'crowd'>): Promise<void> {
  const { system, crowd: providers } = told;
  await expect.poll(() => system.view(), WAIT).toBe('stale');
  const list = await system.get('/v1/services/orders/providers');
  expect(list.headers['x-rollcall-view']).toBe('stale');
  expect(list.status).toBe(200);
  expect(await idsInView(told)).toEqual(providers.ids);
  for (const path of [
    '/v1/services/orders',
    '/v1/services/orders/pick',
    '/v1/explain/orders/p0-0',
  ]) {
    const { status, headers } = await system.get(path);
    expect([path, status, headers['x-rollcall-view']]).toEqual([path, 200, 'stale']);
  }
  const ready = await system.get('/readyz');
  expect(ready).toMatchObject({ status: 200, json: { ready: true, view: 'stale' } });
  expect(await system.metric('rollcall_view_state{state="stale"}')).toBe(1);
}

/** Live again, every provider there exactly once: in ZooKeeper itself, in the view, and by the stream. */
async function isLiveAndRight(told: Stage): Promise<void> {
  const { system, crowd: providers, zookeeper } = told;
  await expect.poll(() => system.view(), WAIT).toBe('live');
  await providers.proven();
  const observer = await testSession(zookeeper.connectString);
  expect(await idsInNodes(observer)).toEqual(providers.ids);
  await expect.poll(() => znodesInView(system), WAIT).toEqual(await znodes(observer));
  expect(await idsInView(told)).toEqual(providers.ids);
  await expect
    .poll(() => idsOf(replay(told.stream).providers('orders')), WAIT)
    .toEqual(providers.ids);
  await expect.poll(() => replay(told.stream).states.at(-1), WAIT).toBe('live');
  await isOneAggregator(observer, system);
  expect(system.errors).toEqual([]);
}

async function znodes(observer: Session): Promise<readonly string[]> {
  const directory = where.providers('orders');
  const { children } = await observer.getChildren(directory);
  return children.map(name => `${directory}/${name}`).sort();
}

/** By the bytes of the nodes, one id for each node. */
async function idsInNodes(observer: Session): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const path of await znodes(observer)) {
    const record: unknown = JSON.parse((await observer.getData(path)).data.toString('utf8'));
    expect(record).toHaveProperty('id', expect.any(String));
    ids.push((record as { readonly id: string }).id);
  }
  return ids.sort();
}

async function znodesInView(system: System): Promise<readonly string[]> {
  const { providers } = await system.providers('orders');
  return providers.map(({ znode }) => znode).sort();
}

function replay(stream: SseClient): ReturnType<typeof streamCopy> {
  const copy = streamCopy();
  stream.messages.forEach(copy.apply);
  return copy;
}

/** It is a member once, and stands for election once. */
async function isOneAggregator(observer: Session, system: System): Promise<void> {
  const counted = async (): Promise<readonly number[]> =>
    Promise.all(
      [where.members, where.election].map(
        async path => (await observer.getChildren(path)).children.length,
      ),
    );
  await expect.poll(counted, WAIT).toEqual([1, 1]);
  await expect
    .poll(async () => (await system.get('/v1/aggregators')).json, WAIT)
    .toMatchObject({ self: system.id, master: { id: system.id }, members: [{ view: 'live' }] });
}

const sessionsOf = ({ system, crowd: providers }: Stage): readonly Session[] => [
  system.session,
  ...providers.sessions,
];

const allLost = (told: Stage): Promise<void> =>
  expect
    .poll(() => sessionsOf(told).map(({ state }) => state.kind), WAIT)
    .toEqual(sessionsOf(told).map(() => 'lost'));

/** Resolves when the server has ended the sessions of all, whatever they believe themselves. */
async function allExpired({ zookeeper }: Stage): Promise<void> {
  const observer = await testSession(zookeeper.connectString);
  await expect.poll(() => znodes(observer), WAIT).toEqual([]);
  await expect
    .poll(async () => (await observer.getChildren(where.members)).children, WAIT)
    .toEqual([]);
}

interface Outage {
  begin(told: Stage): Promise<void> | void;
  /** Runs after the view was seen to be stale: what must have happened before ZooKeeper comes back. */
  lasts(told: Stage): Promise<void>;
  end(told: Stage): Promise<void> | void;
}

const nothing = async (): Promise<void> => undefined;
const cutBoth = async ({ daemonLink, providerLink }: Stage): Promise<void> => {
  await Promise.all([daemonLink.cut(), providerLink.cut()]);
};
const healBoth = async ({ daemonLink, providerLink }: Stage): Promise<void> => {
  await Promise.all([daemonLink.heal(), providerLink.heal()]);
};

const outages: Readonly<Record<string, Outage>> = {
  'frozen for a moment': {
    begin: ({ zookeeper }) => zookeeper.freeze(),
    lasts: nothing,
    end: ({ zookeeper }) => zookeeper.thaw(),
  },
  'frozen for longer than a session': {
    begin: ({ zookeeper }) => zookeeper.freeze(),
    lasts: allLost,
    end: ({ zookeeper }) => zookeeper.thaw(),
  },
  'cut off for a moment': { begin: cutBoth, lasts: nothing, end: healBoth },
  'cut off until every session has expired': { begin: cutBoth, lasts: allExpired, end: healBoth },
  'a black hole until every session has expired': {
    begin({ daemonLink, providerLink }) {
      for (const link of [daemonLink, providerLink]) link.pause('both');
    },
    lasts: allExpired,
    end: healBoth,
  },
  'killed and started again with its data': {
    begin: ({ zookeeper }) => zookeeper.kill(),
    lasts: nothing,
    end: ({ zookeeper }) => zookeeper.start(),
  },
  'killed and away for longer than a session': {
    begin: ({ zookeeper }) => zookeeper.kill(),
    lasts: allLost,
    end: ({ zookeeper }) => zookeeper.start(),
  },
};

test.each(Object.entries(outages))(
  'while ZooKeeper is %s the view is stale and answers; then it is live and right without a restart',
  async (_how, { begin, lasts, end }) => {
    const told = await stage();
    await isLiveAndRight(told);
    await begin(told);
    await isStaleAndAnswers(told);
    await lasts(told);
    expect(await told.system.view()).toBe('stale');
    expect(await idsInView(told)).toEqual(told.crowd.ids);
    await end(told);
    await isLiveAndRight(told);
    expect(new Set(replay(told.stream).states)).toEqual(new Set(['stale', 'live']));
  },
);

test('what happens while the daemon alone is cut off is seen when it is back, and nothing else is told', async () => {
  const told = await stage();
  const { zookeeper, daemonLink, system, crowd: providers, stream } = told;
  await isLiveAndRight(told);
  await daemonLink.cut();
  await isStaleAndAnswers(told);
  const before = stream.messages.length;
  const other = await testSession(zookeeper.connectString);
  await using late = await announce(other, {
    id: 'late',
    service: 'orders',
    address: '127.0.0.1',
    port: 1,
  });
  await providers.registrations[0]?.close();
  await providers.registrations[1]?.update({ weight: 7 });
  await daemonLink.heal();
  await expect
    .poll(() => idsInView(told), WAIT)
    .toEqual([...providers.ids.slice(1), late.record.id].sort());
  const { providers: list } = await system.providers('orders');
  expect(list.find(({ id }) => id === 'p0-1')).toMatchObject({ weight: 7 });
  await expect.poll(() => system.view(), WAIT).toBe('live');
  await expect
    .poll(() => replay(stream).providers('orders'), WAIT)
    .toEqual((await system.providers('orders')).providers);
  const afterwards = stream.messages.slice(before).map(({ event }) => event);
  expect(afterwards.filter(event => event !== 'state').sort()).toEqual([
    'changed',
    'joined',
    'left',
  ]);
});

realOnly('it takes three servers')(
  'an ensemble that is away for three session timeouts has every session taken up again, without one create',
  async () => {
    const zookeeper = await startZooKeeper({ servers: 3 });
    onTestFinished(() => zookeeper.close());
    const servers = zookeeper.connectString;
    // An ensemble that is back grants it anew to each: three servers and seven sessions must be there by then.
    const timeoutMs = 6_000;
    const providers = await crowd(servers, { sessions: 6, each: 5, timeoutMs });
    const system = await startSystem(servers, { timeoutMs });
    await expect.poll(() => idsInView({ system }), WAIT).toEqual(providers.ids);
    const before = await znodes(await testSession(servers));
    const creates = providers.sessions.map(createsOf);
    const sessionIds = [system.session, ...providers.sessions].map(({ sessionId }) => sessionId);
    await Promise.all(zookeeper.servers.map(each => each.kill()));
    const downSinceMs = performance.now();
    await isStaleAndAnswers({ system, crowd: providers });
    await expect.poll(() => performance.now() - downSinceMs, WAIT).toBeGreaterThan(3 * timeoutMs);
    expect(providers.sessions.map(({ state }) => state.kind)).toEqual(
      sessionIds.slice(1).map(() => 'lost'),
    );
    await Promise.all(zookeeper.servers.map(each => each.start()));
    await providers.proven();
    await expect.poll(() => system.view(), WAIT).toBe('live');
    const observer = await testSession(servers);
    expect(await znodes(observer)).toEqual(before);
    expect(await idsInNodes(observer)).toEqual(providers.ids);
    expect(await znodesInView(system)).toEqual(before);
    expect(providers.sessions.map(createsOf)).toEqual(creates);
    expect([system.session, ...providers.sessions].map(({ sessionId }) => sessionId)).toEqual(
      sessionIds,
    );
    await isOneAggregator(observer, system);
    expect((await ask(system.url, '/readyz')).status).toBe(200);
  },
);
