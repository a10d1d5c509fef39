import { expect, test } from 'vitest';
import { layout } from '../../src/registry/index.ts';
import type { Replica } from '../support/replica.ts';
import { eventually } from '../support/eventually.ts';
import { testSession } from '../support/session.ts';
import { testReplica } from '../support/test-replica.ts';
import { childrenOf, provide } from '../support/znode-facts.ts';
import { testServers } from '../support/zookeeper.ts';

const where = layout();

/** The one of both that is the master, and the other. */
async function ranked(a: Replica, b: Replica): Promise<readonly [master: Replica, other: Replica]> {
  return eventually(async () => {
    const terms = [await a.term(), await b.term()];
    expect(terms.filter(term => term > 0)).toHaveLength(1);
    return terms[0] === 0 ? [b, a] : [a, b];
  });
}

test('of two aggregators one is the master; it alone writes, and the other reads what it wrote', async () => {
  const servers = await testServers();
  const [one, two, providers] = [
    await testSession(servers),
    await testSession(servers),
    await testSession(servers),
  ];
  const [a, b] = [await testReplica(one, { id: 'a' }), await testReplica(two, { id: 'b' })];
  const [master, other] = await ranked(a, b);
  await provide(providers, 'orders', 'o-1', { zone: 'eu-1a', version: '1.0' });
  await provide(providers, 'orders', 'o-2', { zone: 'eu-1b', version: '1.1', status: 'draining' });
  await eventually(() =>
    expect(other.derived().service('orders')).toMatchObject({
      health: 'degraded',
      counts: { total: 2, up: 1, draining: 1 },
      zones: { 'eu-1a': 1, 'eu-1b': 1 },
      versions: { '1.0': 1, '1.1': 1 },
    }),
  );
  await eventually(async () =>
    expect(other.derived().overview).toMatchObject({
      by: master === a ? 'a' : 'b',
      token: String(await master.term()),
      services: 1,
      providers: 2,
    }),
  );
  expect(other.derived().index).toBeGreaterThan(0n);
  expect(await master.writes()).toMatchObject({ fenced: 0, error: 0 });
  expect(await other.writes()).toEqual({ ok: 0, fenced: 0, error: 0 });
  expect((other === a ? one : two).requestCounts['multi'] ?? 0).toBe(0);
});

test('the members and the master are known to every aggregator, with the state of each view', async () => {
  const servers = await testServers();
  const a = await testReplica(await testSession(servers), { id: 'a' });
  const b = await testReplica(await testSession(servers), { id: 'b' });
  const [master] = await ranked(a, b);
  const masterId = master === a ? 'a' : 'b';
  for (const replica of [a, b]) {
    await eventually(async () =>
      expect(replica.aggregators()).toMatchObject({
        self: replica === a ? 'a' : 'b',
        members: [
          { id: 'a', address: 'a:7070', version: '1.0.0', view: 'live', master: masterId === 'a' },
          { id: 'b', address: 'b:7070', version: '1.0.0', view: 'live', master: masterId === 'b' },
        ],
        master: { id: masterId, token: BigInt(await master.term()) },
      }),
    );
  }
});

test('when the master resigns the other takes over with a higher token, and keeps what it cannot know', async () => {
  const servers = await testServers();
  const providers = await testSession(servers);
  const a = await testReplica(await testSession(servers), { id: 'a' });
  await eventually(async () => expect(await a.term()).toBeGreaterThan(0));
  await provide(providers, 'orders', 'o-1');
  await eventually(() => expect(a.derived().service('orders')?.counts.up).toBe(1));
  const lastChange = a.derived().service('orders')?.lastChange;
  expect(lastChange).toBeDefined();
  const first = await a.term();
  const b = await testReplica(await testSession(servers), { id: 'b' });
  await a.close();
  await eventually(() => expect(b.derived().overview?.by).toBe('b'));
  expect(await b.term()).toBeGreaterThan(first);
  expect(b.derived().service('orders')).toMatchObject({ lastChange, counts: { up: 1 } });
});

test('a service that goes is no longer in the summaries', async () => {
  const servers = await testServers();
  const providers = await testSession(servers);
  const a = await testReplica(await testSession(servers), { id: 'a' });
  const path = await provide(providers, 'orders', 'o-1');
  await eventually(() => expect(a.derived().service('orders')?.health).toBe('healthy'));
  await providers.remove(path, -1);
  await eventually(() => expect(a.derived().service('orders')?.health).toBe('down'));
  await providers.remove(where.providers('orders'), -1);
  await providers.remove(where.service('orders'), -1);
  await eventually(() => expect(a.derived().services).toEqual([]));
  await eventually(() => expect(a.derived().overview).toMatchObject({ services: 0, providers: 0 }));
});

test('a provider that comes and goes raises the flap score of its service', async () => {
  const servers = await testServers();
  const providers = await testSession(servers);
  const a = await testReplica(await testSession(servers), { id: 'a' });
  for (let round = 1; round <= 3; round += 1) {
    const path = await provide(providers, 'orders', 'o-1');
    await eventually(() => expect(a.view.service('orders').counts.total).toBe(1));
    await providers.remove(path, -1);
    await eventually(() => expect(a.view.service('orders').counts.total).toBe(0));
  }
  await eventually(() => expect(a.derived().service('orders')?.flaps).toBe(5));
});

test('the summaries are spread over more nodes as they grow, the old ones go, and a reader is never without a service', async () => {
  const servers = await testServers();
  const providers = await testSession(servers);
  const a = await testReplica(await testSession(servers), { id: 'a', growBytes: 3_000 });
  const names = Array.from({ length: 60 }, (_, at) => `service-${String(at).padStart(2, '0')}`);
  await provide(providers, 'service-00', 'x');
  await eventually(() => expect(a.derived().services).toHaveLength(1));
  for (const name of names.slice(1)) await provide(providers, name, 'x');
  await eventually(() => expect(a.derived().services.map(({ name }) => name)).toEqual(names));
  await eventually(async () => {
    const shards = await childrenOf(providers, `${where.derived}/summaries`);
    const count = Number(shards[0]?.split('-')[0]);
    expect(count).toBeGreaterThanOrEqual(4);
    expect(shards).toHaveLength(count);
  });
  for (const shard of await childrenOf(providers, `${where.derived}/summaries`)) {
    expect(
      (await providers.getData(`${where.derived}/summaries/${shard}`)).data.length,
    ).toBeLessThan(4_000);
  }
});

test('what an older or a newer release wrote is read, and its shards go when the new master has written its own', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  await writer.ensurePath(`${where.derived}/summaries`);
  const newer = {
    v: 9,
    services: [
      { name: 'orders', health: 'healthy', grade: 'A', counts: { total: 3, up: 3, paused: 1 } },
    ],
  };
  await writer.create(`${where.derived}/summaries/2-1`, Buffer.from(JSON.stringify(newer)));
  await writer.create(
    `${where.derived}/overview`,
    Buffer.from(JSON.stringify({ v: 9, writtenAt: 'then', by: 'newer', extra: [] })),
  );
  await writer.create(`${where.derived}/quorum`, Buffer.from('of a newer release'));
  // A master of another release leads: ours reads alone.
  await writer.ensurePath(where.election);
  const latch = await writer.create(`${where.election}/_c_f00d-latch-`, Buffer.from('newer'), {
    mode: 'ephemeral-sequential',
    guid: 'f00d',
  });
  const a = await testReplica(await testSession(servers), { id: 'a' });
  expect(a.derived().overview).toMatchObject({ by: 'newer', providers: 0 });
  expect(a.derived().service('orders')).toMatchObject({
    counts: { total: 3, up: 3, down: 0 },
    zones: {},
    flaps: 0,
  });
  expect(a.aggregators().master?.id).toBe('newer');
  expect(await a.writes()).toMatchObject({ ok: 0 });
  await writer.remove(latch.path, -1);
  await eventually(() => expect(a.derived().overview?.by).toBe('a'));
  await eventually(async () =>
    expect(await childrenOf(writer, `${where.derived}/summaries`)).toEqual(['1-0']),
  );
  await eventually(() => expect(a.derived().services).toEqual([]));
  expect(await childrenOf(writer, where.derived)).toContain('quorum');
});

test('the master removes the node of a provider that may not do so itself, and of no other', async () => {
  const servers = await testServers();
  const providers = await testSession(servers);
  const a = await testReplica(await testSession(servers), { id: 'a' });
  await eventually(async () => expect(await a.term()).toBeGreaterThan(0));
  const stays = await provide(providers, 'orders', 'stays', { status: 'down' });
  const leaves = await provide(providers, 'orders', 'leaves', { status: 'down', leaving: true });
  await eventually(async () => expect(await providers.exists(leaves)).toBeUndefined());
  await eventually(() =>
    expect(a.history.query({ id: 'leaves', limit: 9 }).at(-1)).toMatchObject({
      event: 'left',
      cause: 'deregistered',
    }),
  );
  expect(await providers.exists(stays)).toBeDefined();
});
