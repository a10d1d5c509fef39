import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { layout } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { testSession } from '../support/session.ts';
import { sseClient } from '../support/sse-client.ts';
import { streamCopy } from '../support/stream-copy.ts';
import { startSystem, type System } from '../support/system.ts';
import { testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 30_000, interval: 20 };
const where = layout();
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A provider of a release to come. */
const NEWER = {
  v: 7,
  id: 'o-1',
  service: 'orders',
  address: '10.0.0.5',
  port: 80,
  weight: 10,
  carbon: { grams: 12, source: ['wind', 'sun'] },
  shards: [1, 2, 3],
  trust: null,
};
const { carbon, shards, trust } = NEWER;
const PASSED_ON = { v: 7, carbon, shards, trust };

async function provide(session: Session, record: object = NEWER): Promise<string> {
  const directory = where.providers('orders');
  await session.ensurePath(directory);
  const options = { mode: 'ephemeral-sequential' } as const;
  return (await session.create(`${directory}/p-`, json(record), options)).path;
}

async function readJson(session: Session, path: string): Promise<unknown> {
  return JSON.parse((await session.getData(path)).data.toString('utf8'));
}

const namesIn = async (session: Session, path: string): Promise<readonly string[]> =>
  [...(await session.getChildren(path)).children].sort();

test('a record with a higher version and unknown fields is listed, picked and streamed with all of them', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const path = await provide(session);
  const system = await startSystem(servers);
  const isPassedOn = expect.objectContaining(PASSED_ON);
  expect((await system.providers('orders')).providers).toEqual([isPassedOn]);
  expect((await system.get('/v1/services/orders/pick')).json).toEqual(isPassedOn);
  await using stream = await sseClient(`${system.url}/v1/watch`);
  const streamed = (): unknown => {
    const copy = streamCopy();
    stream.messages.forEach(copy.apply);
    return copy.providers('orders');
  };
  await expect.poll(streamed, WAIT).toEqual([isPassedOn]);
  await session.setData(path, json({ ...NEWER, weight: 20 }), -1);
  await expect
    .poll(streamed, WAIT)
    .toEqual([expect.objectContaining({ ...PASSED_ON, weight: 20 })]);
  await system.aggregator.putOverride('orders', 'o-1', { weight: 3, drain: true });
  expect((await system.providers('orders')).providers).toEqual([
    expect.objectContaining({ ...PASSED_ON, weight: 3, status: 'draining' }),
  ]);
});

test('a consumer of a release to come is listed with its unknown fields', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  await session.ensurePath(where.consumers('orders'));
  const record = { v: 3, id: 'c-1', service: 'orders', consumer: 'shop', mood: { today: 'good' } };
  await session.create(`${where.consumers('orders')}/c-0000000000`, json(record));
  const system = await startSystem(servers);
  expect((await system.get('/v1/services/orders/consumers')).json).toMatchObject({
    consumers: [{ id: 'c-1', v: 3, mood: { today: 'good' } }],
  });
});

/** Another aggregator, of another release, as the nodes that it would write. */
interface Foreign {
  readonly id: string;
  readonly latch: string;
  readonly token: bigint;
  /** Its writes are fenced as ours are. */
  write(nodes: Readonly<Record<string, unknown>>): Promise<void>;
  /** Takes its nodes along. */
  leave(): Promise<void>;
}

async function foreignAggregator(servers: string, id: string, member: object): Promise<Foreign> {
  const session = await testSession(servers);
  const mode = 'ephemeral-sequential' as const;
  for (const path of [where.members, where.election, where.derived]) await session.ensurePath(path);
  await session.create(`${where.members}/${randomUUID()}-`, json({ id, ...member }), { mode });
  const name = `${where.election}/_c_${randomUUID()}-latch-`;
  const { path: latch, stat } = await session.create(name, Buffer.from(id), { mode });
  return {
    id,
    latch,
    token: stat.czxid,
    async write(nodes) {
      await session.ensurePath(`${where.derived}/summaries`);
      for (const [node, value] of Object.entries(nodes)) {
        const transaction = session.transaction().check(latch, -1);
        const path = `${where.derived}/${node}`;
        const exists = (await session.exists(path)) !== undefined;
        await (exists
          ? transaction.setData(path, json(value), -1)
          : transaction.create(path, json(value))
        ).commit();
      }
    },
    leave: () => session.close(),
  };
}

const COUNTS = { total: 1, up: 1, starting: 0, draining: 0, down: 0, unhealthy: 0, suspects: 0 };
const LONG_AGO = '2020-01-01T00:00:00.000Z';

/** What a master of a release to come may write: more of everything, in other shards, with a word that we do not know. */
const newerDerived = ({ id, token }: Foreign): Readonly<Record<string, unknown>> => ({
  overview: {
    v: 4,
    writtenAt: LONG_AGO,
    by: id,
    token: String(token),
    services: 1,
    providers: 1,
    counts: { ...COUNTS, hibernating: 3 },
    forecast: [1, 2, 3],
  },
  'summaries/2-0': { v: 4, token: String(token), services: [], codec: 'next' },
  'summaries/2-1': {
    v: 4,
    token: String(token),
    services: [
      {
        name: 'orders',
        health: 'glowing',
        counts: { ...COUNTS, hibernating: 3 },
        zones: { 'eu-1a': 1 },
        versions: { '1.0': 1 },
        flaps: 5,
        lastChange: LONG_AGO,
        trend: { slope: 0.5 },
      },
      { name: 'payments', counts: { ...COUNTS, up: 0 }, trend: null },
    ],
  },
});

/** What a master of an earlier release may have written: less of everything. */
const olderDerived = (): Readonly<Record<string, unknown>> => ({
  overview: { v: 1, writtenAt: LONG_AGO, services: 1 },
  'summaries/1-0': { v: 1, services: [{ name: 'orders', counts: { total: 1, up: 1 } }] },
});

const isMaster = (system: System): Promise<void> =>
  expect.poll(() => system.metric('rollcall_master'), WAIT).toBe(1);

/** Everything derived is our master's, and nothing of the other's shards is left. */
async function hasTakenOver(system: System, servers: string): Promise<void> {
  await isMaster(system);
  const session = await testSession(servers);
  const token = String(await system.metric('rollcall_master_term_token'));
  await expect
    .poll(() => readJson(session, `${where.derived}/overview`), WAIT)
    .toMatchObject({ v: 1, by: system.id, token, services: 1, providers: 1, counts: COUNTS });
  await expect.poll(() => namesIn(session, `${where.derived}/summaries`), WAIT).toEqual(['1-0']);
  const shard = await readJson(session, `${where.derived}/summaries/1-0`);
  expect(shard).toMatchObject({ v: 1, token, services: [{ name: 'orders', counts: COUNTS }] });
  await expect
    .poll(async () => (await system.get('/v1/overview')).json, WAIT)
    .toMatchObject({ by: system.id, services: [{ name: 'orders', health: 'healthy' }] });
  expect(await system.metric('rollcall_derived_writes_total{result="error"}')).toBe(0);
  expect(await system.metric('rollcall_derived_writes_total{result="fenced"}')).toBe(0);
  expect(system.errors).toEqual([]);
}

test('what a newer master writes is read, and overwritten when we take over', async () => {
  const servers = await testServers();
  await provide(await testSession(servers));
  const newer = await foreignAggregator(servers, 'newer', {
    v: 5,
    address: '10.0.0.9:7070',
    version: '9.0.0',
    view: 'dozing',
    abilities: ['future'],
  });
  await newer.write(newerDerived(newer));
  const system = await startSystem(servers);
  expect((await system.get('/v1/overview')).json).toMatchObject({
    by: 'newer',
    token: String(newer.token),
    writtenAt: LONG_AGO,
    totals: { services: 1, providers: 1, counts: COUNTS },
    services: [
      { name: 'orders', health: 'healthy', zones: { 'eu-1a': 1 }, flaps: 5 },
      { name: 'payments', health: 'down', zones: {}, flaps: 0 },
    ],
  });
  expect((await system.get('/v1/services/orders')).json).toMatchObject({
    derived: { health: 'healthy', flaps: 5, lastChange: LONG_AGO },
  });
  await expect
    .poll(async () => (await system.get('/v1/aggregators')).json, WAIT)
    .toMatchObject({
      master: { id: 'newer', token: String(newer.token) },
      members: [
        { id: system.id, master: false },
        { id: 'newer', version: '9.0.0', view: 'unknown', master: true },
      ],
    });
  await newer.write({ ...newerDerived(newer), 'summaries/2-0': { v: 4, services: 'none' } });
  expect(await system.metric('rollcall_derived_writes_total{result="ok"}')).toBe(0);
  await newer.leave();
  await hasTakenOver(system, servers);
});

test('what an older master writes is read with defaults for what it lacks, and overwritten when we take over', async () => {
  const servers = await testServers();
  await provide(await testSession(servers));
  const older = await foreignAggregator(servers, 'older', { v: 1 });
  await older.write(olderDerived());
  const system = await startSystem(servers);
  expect((await system.get('/v1/overview')).json).toMatchObject({
    writtenAt: LONG_AGO,
    totals: { services: 1, providers: 0 },
    services: [{ name: 'orders', health: 'healthy', zones: {}, versions: {}, flaps: 0 }],
  });
  await expect
    .poll(async () => (await system.get('/v1/aggregators')).json, WAIT)
    .toMatchObject({
      master: { id: 'older' },
      members: [{ id: system.id }, { id: 'older', address: '', version: '', view: 'unknown' }],
    });
  await older.leave();
  await hasTakenOver(system, servers);
});

test('beside aggregators of other releases we stay the master, and they can read what we write', async () => {
  const servers = await testServers();
  await provide(await testSession(servers));
  const system = await startSystem(servers);
  await isMaster(system);
  const newer = await foreignAggregator(servers, 'newer', { v: 5, version: '9.0.0', view: 'live' });
  const older = await foreignAggregator(servers, 'older', { v: 1 });
  await hasTakenOver(system, servers);
  await expect
    .poll(async () => (await system.get('/v1/aggregators')).json, WAIT)
    .toMatchObject({
      master: { id: system.id },
      members: [{ master: true }, { id: 'newer', master: false }, { id: 'older', master: false }],
    });
  const session = await testSession(servers);
  const members = async (): Promise<readonly unknown[]> =>
    Promise.all(
      (await namesIn(session, where.members)).map(name =>
        readJson(session, `${where.members}/${name}`),
      ),
    );
  await expect
    .poll(members, WAIT)
    .toContainEqual(
      expect.objectContaining({ v: 1, id: system.id, version: '1.0.0', view: 'live' }),
    );
  await system.close();
  const rest = (await namesIn(session, where.election)).map(name => `${where.election}/${name}`);
  expect(new Set(rest)).toEqual(new Set([newer.latch, older.latch]));
  expect(await readJson(session, `${where.derived}/overview`)).toMatchObject({ by: system.id });
  await newer.write(newerDerived(newer));
});
