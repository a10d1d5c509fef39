import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import {
  announce,
  announceConsumer,
  encodeRecord,
  layout,
  makeProvider,
} from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { sseClient } from '../support/sse-client.ts';
import { faultProxy } from '../../src/testing/index.ts';
import { testSession } from '../support/session.ts';
import { idsOf, startSystem, type System } from '../support/system.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

const UNREADABLE = [{ permissions: 0x1e, scheme: 'world', id: 'anyone' }];
const OPEN = [{ permissions: 0x1f, scheme: 'world', id: 'anyone' }];
const where = layout();
const directory = where.providers('orders');

test('of a service whose directory may not be read nothing is claimed, least of all that it has no providers', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  const provider = { id: 'o-1', service: 'orders', address: '10.0.0.5', port: 80 };
  await using _registration = await announce(writer, provider);
  await using _other = await announce(writer, { ...provider, service: 'shop' });
  await writer.setAcl(directory, UNREADABLE, -1);
  const system = await startSystem(servers);
  for (const path of ['', '/providers', '/pick']) {
    const { status, json } = await system.get(`/v1/services/orders${path}`);
    expect([path, status]).toEqual([path, 503]);
    expect(json).toMatchObject({
      code: 'VIEW_SYNCING',
      detail: expect.stringContaining(`${directory} cannot be read`),
    });
  }
  const stream = await system.get('/v1/watch?service=shop,orders');
  expect([stream.status, stream.json]).toMatchObject([503, { code: 'VIEW_SYNCING' }]);
  const every = await sseClient(`${system.url}/v1/watch`);
  onTestFinished(() => every[Symbol.asyncDispose]());
  const snapshots = (): readonly string[] =>
    every.messages.flatMap(({ event, data }) => (event === 'snapshot' ? [told(data)] : []));
  await expect.poll(snapshots).toEqual(['shop o-1']);
  const explained = await system.get('/v1/explain/orders/o-1');
  expect(explained.json).toMatchObject({
    listed: false,
    reasons: [expect.stringContaining(`not known: ${directory} cannot be read`)],
  });
  expect(await system.metric('rollcall_mirror_untrusted')).toBe(1);
  expect(idsOf((await system.providers('shop')).providers)).toEqual(['o-1']);

  await writer.setAcl(directory, OPEN, -1);
  await system.aggregator.view.ready();
  await writer.setData(directory, Buffer.from('touched'), -1);
  const ids = async (): Promise<readonly string[] | undefined> => {
    const { status } = await system.get('/v1/services/orders/providers');
    return status === 200 ? idsOf((await system.providers('orders')).providers) : undefined;
  };
  await expect.poll(ids).toEqual(['o-1']);
  await expect.poll(snapshots).toEqual(['shop o-1', 'orders o-1']);
});

/** Of a `snapshot` of a stream: the service, and its providers. */
function told(data: unknown): string {
  const { service, providers } = Snapshot.parse(data);
  return [service, ...providers.map(({ id }) => id)].join(' ');
}

const Snapshot = z.object({
  service: z.string(),
  providers: z.array(z.object({ id: z.string() })),
});

test('of consumers that may not be read nothing is claimed, and of those that may all', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  const of = { consumer: 'shop', address: '10.0.0.9' };
  await using _one = await announceConsumer(writer, { id: 'c-1', service: 'orders', ...of });
  const hidden = where.consumers('orders');
  await writer.setAcl(hidden, UNREADABLE, -1);
  const system = await startSystem(servers);
  const refused = [503, { code: 'VIEW_SYNCING', detail: expect.stringContaining(hidden) }];
  for (const path of ['/v1/services/orders/consumers', '/v1/topology']) {
    const { status, json } = await system.get(path);
    expect([status, json]).toMatchObject(refused);
  }
  await using _other = await announceConsumer(writer, { id: 'c-2', service: 'stock', ...of });
  await expect
    .poll(async () => (await system.get('/v1/topology')).json)
    .toMatchObject({ edges: [{ consumer: 'shop', service: 'stock', instances: 1 }] });
  await writer.setAcl(hidden, OPEN, -1);
  await writer.setData(hidden, Buffer.from('touched'), -1);
  await expect
    .poll(async () => (await system.get('/v1/services/orders/consumers')).json)
    .toMatchObject({ consumers: [{ id: 'c-1' }] });
});

/** In as many turns of the event loop as it takes: how many providers are claimed, each number once. */
async function numbersClaimed(
  { aggregator: { view } }: System,
  all: number,
): Promise<readonly number[]> {
  const claimed = new Set<number>();
  while (!claimed.has(all)) {
    if (view.unreadable('orders') === undefined)
      claimed.add(view.service('orders').providers.length);
    await nextTurn();
  }
  return [...claimed];
}

test.each(['it is touched', 'the daemon was away'])(
  'of thousands that may be read again, and %s, none is claimed before all are known',
  async way => {
    const servers = await testServers();
    const writer = await testSession(servers);
    await plantProviders(writer, 2_500);
    await writer.setAcl(directory, UNREADABLE, -1);
    const link = await faultProxy({ target: sharedServers() });
    onTestFinished(() => link.close()); // after the system, whose session says goodbye through it
    const system = await startSystem(servers.replace(sharedServers(), link.address));
    const claims = numbersClaimed(system, 2_500);
    if (way === 'the daemon was away') {
      await link.cut();
      await expect.poll(() => system.session.state.kind).toBe('suspended');
      await writer.setAcl(directory, OPEN, -1);
      await link.heal();
    } else {
      await writer.setAcl(directory, OPEN, -1);
      await writer.setData(directory, Buffer.from('touched'), -1);
    }
    expect(await claims).toEqual([2_500]);
    // What may not be read later stays known.
    await writer.setAcl(directory, UNREADABLE, -1);
    link.dropConnections();
    await expect.poll(() => system.metric('rollcall_mirror_untrusted')).toBe(1);
    expect((await system.providers('orders')).providers).toHaveLength(2_500);
  },
);

/** Of `orders`, some hundred in one transaction. */
async function plantProviders(writer: Session, count: number): Promise<void> {
  await writer.ensurePath(directory);
  for (let at = 0; at < count; at += 500) {
    const transaction = writer.transaction();
    for (let index = at; index < at + 500; index += 1) {
      const fields = { v: 1, id: `o-${index}`, service: 'orders', address: '10.0.0.5', port: 80 };
      transaction.create(`${directory}/n-${index}`, encodeRecord(makeProvider(fields)));
    }
    await transaction.commit();
  }
}

/** What is claimed of `orders` in every turn of the event loop, until something is. */
async function firstClaimed({ aggregator: { view } }: System): Promise<readonly string[]> {
  while (view.unreadable('orders') !== undefined) await nextTurn();
  return view.service('orders').providers.map(({ id }) => id);
}

/** The same of the list of all services. */
async function firstListed({ aggregator: { view } }: System): Promise<readonly string[]> {
  while (view.unreadable() !== undefined) await nextTurn();
  return view.services().services.map(({ name }) => name);
}

const places = [
  ['its directory', where.providers('orders')],
  ['the service', where.service('orders')],
  ['the directory of all services', where.services],
] as const;
const ways = ['it is touched', 'the daemon was away'] as const;

test.each(places.flatMap(([what, path]) => ways.map(way => [what, way, path] as const)))(
  'when %s may be read again, and %s, nothing is claimed before all of it is known',
  async (_what, way, path) => {
    const servers = await testServers();
    const writer = await testSession(servers);
    await using _registration = await announce(writer, {
      id: 'o-1',
      service: 'orders',
      address: '10.0.0.5',
      port: 80,
    });
    await writer.setAcl(path, UNREADABLE, -1);
    const link = await faultProxy({ target: sharedServers() });
    onTestFinished(() => link.close()); // after the system, whose session says goodbye through it
    const system = await startSystem(servers.replace(sharedServers(), link.address));
    const isAll = path === where.services;
    const list = await system.get('/v1/services');
    expect(list.status).toBe(isAll ? 503 : 200);
    const claims = Promise.all([firstClaimed(system), isAll ? firstListed(system) : ['orders']]);
    if (way === 'the daemon was away') {
      await link.cut();
      await expect.poll(() => system.session.state.kind).toBe('suspended');
      await writer.setAcl(path, OPEN, -1);
      await link.heal();
    } else {
      await writer.setAcl(path, OPEN, -1);
      await writer.setData(path, Buffer.from('touched'), -1);
    }
    expect(await claims).toEqual([['o-1'], ['orders']]);
    await system.aggregator.view.ready();
    expect(await system.metric('rollcall_mirror_untrusted')).toBe(0);
  },
);
