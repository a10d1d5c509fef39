import { Registry } from 'prom-client';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import type { z } from 'zod';
import { type Aggregator, openAggregator } from '../../src/aggregator/index.ts';
import { type HttpServer, startServer } from '../../src/http/index.ts';
import * as answers from '../../src/http/schemas/answers.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { announce, announceConsumer, layout } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { needs } from '../support/programs.ts';
import { checkMetrics } from '../support/promtool.ts';
import { testSession } from '../support/session.ts';
import { sseClient } from '../support/sse-client.ts';
import { testServers } from '../support/zookeeper.ts';

interface Replica {
  readonly server: HttpServer;
  readonly aggregator: Aggregator;
}

/** A whole replica on a session of its own: ZooKeeper, aggregator, HTTP. */
async function replica(servers: string): Promise<Replica> {
  const session = await testSession(servers);
  const where = layout();
  for (const path of [
    where.services,
    where.overrides,
    where.derived,
    where.members,
    where.election,
  ]) {
    await session.ensurePath(path);
  }
  const registry = new Registry();
  const aggregator = await openAggregator({
    session,
    address: '127.0.0.1:7070',
    version: '1.2.3',
    registry,
  });
  const server = await startServer({
    aggregator,
    metrics: { render: () => aggregator.metrics.render(), registry },
    logger: silentLogger,
    clock: systemClock,
    version: '1.2.3',
    openWrites: 'this-machine',
    listen: { host: '127.0.0.1', port: 0 },
  });
  // A test's own ends run in the opposite order: before the session's.
  onTestFinished(async () => {
    await server.close();
    await aggregator.close();
  });
  return { server, aggregator };
}

const provide = (session: Session, id: string, more: object = {}) =>
  announce(session, { id, service: 'orders', address: '10.0.0.5', port: 8080, ...more });

test('a provider that is announced is listed, one that is closed is not, and history says why', async () => {
  const servers = await testServers();
  const { server, aggregator } = await replica(servers);
  await aggregator.view.ready();
  const http = supertest(server.url);
  const empty = await http.get('/v1/services/orders/providers').expect(200);
  expect(empty.body.providers).toEqual([]);

  const session = await testSession(servers);
  const waiting = http.get(`/v1/services/orders/providers?index=${empty.body.index}&wait=10s`);
  const joined = waiting.then(answer => answer);
  const registration = await provide(session, 'o-1', { zone: 'a', extra: 1 });
  let body = (await joined).body;
  while (body.providers.length === 0) {
    body = (await http.get(`/v1/services/orders/providers?index=${body.index}&wait=10s`)).body;
  }
  expect(body.providers).toMatchObject([
    { id: 'o-1', zone: 'a', extra: 1, znode: registration.path },
  ]);

  await registration.drain();
  await eventually(async () => {
    const { counts } = (await http.get('/v1/services/orders')).body;
    expect(counts).toMatchObject({ up: 0, draining: 1 });
  });
  await registration.close();
  while (body.providers.length > 0) {
    body = (await http.get(`/v1/services/orders/providers?index=${body.index}&wait=10s`)).body;
  }
  await eventually(async () => {
    const { entries } = (await http.get('/v1/history?service=orders')).body;
    expect(entries.at(-1)).toMatchObject({ event: 'left', cause: 'deregistered' });
  });
});

test('every lookup of a living replica is as it is documented', async () => {
  const servers = await testServers();
  const { server, aggregator } = await replica(servers);
  await aggregator.view.ready();
  const session = await testSession(servers);
  await using _registration = await provide(session, 'o-1', { tags: ['primary'] });
  await using _consumer = await announceConsumer(session, {
    service: 'orders',
    consumer: 'shop',
    id: 'shop-1',
  });
  const http = supertest(server.url);
  await eventually(async () => {
    const { edges } = (await http.get('/v1/topology')).body;
    expect(edges).toEqual([{ consumer: 'shop', service: 'orders', instances: 1 }]);
    const { services } = (await http.get('/v1/overview')).body;
    expect(services).toMatchObject([{ name: 'orders', health: 'healthy' }]);
  });
  const lookups: readonly (readonly [string, z.ZodType])[] = [
    ['/v1/services', answers.ServicesAnswer],
    ['/v1/services/orders', answers.ServiceAnswer],
    ['/v1/services/orders/providers', answers.ProvidersAnswer],
    ['/v1/services/orders/consumers', answers.ConsumersAnswer],
    ['/v1/services/orders/pick', answers.PickAnswer],
    ['/v1/topology', answers.TopologyAnswer],
    ['/v1/explain/orders/o-1', answers.ExplainAnswer],
    ['/v1/explain/orders/nobody', answers.ExplainAnswer],
    ['/v1/history', answers.HistoryAnswer],
    ['/v1/aggregators', answers.AggregatorsAnswer],
    ['/v1/overview', answers.OverviewAnswer],
  ];
  for (const [path, schema] of lookups) {
    const { body, headers } = await http.get(path).expect(200);
    expect(schema.safeParse(body).error, path).toBeUndefined();
    expect(headers['x-rollcall-view'], path).toBe('live');
  }
});

test('an override shows in the list as soon as it is answered, and goes with its deletion', async () => {
  const servers = await testServers();
  const { server, aggregator } = await replica(servers);
  await aggregator.view.ready();
  const session = await testSession(servers);
  await using _registration = await provide(session, 'grün 1');
  const http = supertest(server.url);
  await eventually(() => expect(aggregator.view.service('orders').providers).toHaveLength(1));
  const path = `/v1/services/orders/providers/${encodeURIComponent('grün 1')}/override`;
  const put = await http.put(path).send({ drain: true, by: 'ann', reason: 'new disk' }).expect(200);
  const { body } = await http.get('/v1/services/orders/providers?include=draining').expect(200);
  expect(BigInt(body.index)).toBeGreaterThanOrEqual(BigInt(put.body.index));
  expect(body.providers).toMatchObject([
    { status: 'draining', override: { by: 'ann', drain: true } },
  ]);
  const none = await http.get('/v1/services/orders/pick').expect(503);
  expect(none.body.code).toBe('NO_PROVIDER');
  const explained = await http
    .get(`/v1/explain/orders/${encodeURIComponent('grün 1')}`)
    .expect(200);
  expect(explained.body).toMatchObject({
    listed: true,
    inDefaultList: false,
    override: { reason: 'new disk' },
  });
  await http.delete(path).expect(204);
  await http.delete(path).expect(404);
  await eventually(async () => {
    expect((await http.get('/v1/services/orders/pick')).body.id).toBe('grün 1');
  });
});

test('a stream that moves from one replica to another misses nothing', async () => {
  const servers = await testServers();
  const [a, b] = [await replica(servers), await replica(servers)];
  await Promise.all([a.aggregator.view.ready(), b.aggregator.view.ready()]);
  const session = await testSession(servers);
  await using _first = await provide(session, 'o-1');
  let lastId = '';
  {
    await using stream = await sseClient(`${a.server.url}/v1/watch?service=orders`);
    await eventually(() => {
      const snapshot = stream.messages.find(({ event }) => event === 'snapshot');
      const joined = stream.messages.find(({ event }) => event === 'joined');
      expect(JSON.stringify([snapshot?.data, joined?.data])).toContain('"o-1"');
    });
    lastId = stream.lastEventId;
  }
  await using _second = await provide(session, 'o-2');
  await using stream = await sseClient(`${b.server.url}/v1/watch?service=orders`, {
    'last-event-id': lastId,
  });
  // As a delta, or in a snapshot where this replica cannot be sure that a delta is all.
  await eventually(() => expect(JSON.stringify(stream.messages)).toContain('"o-2"'));
  expect(stream.messages.map(({ event }) => event)).not.toContain('reset');
  for (const { event, data } of stream.messages) {
    const schema = answers.StreamEvents[event as keyof typeof answers.StreamEvents];
    expect(schema.safeParse(data).error, event).toBeUndefined();
  }
});

test('the daemon that shuts down is left by its streams before the session closes', async () => {
  const servers = await testServers();
  const { server, aggregator } = await replica(servers);
  await aggregator.view.ready();
  await using stream = await sseClient(`${server.url}/v1/watch`);
  await eventually(() => expect(aggregator.feed.subscribers).toBe(1));
  await server.shutdown();
  await eventually(() => expect(stream.messages.at(-1)?.event).toBe('goodbye'));
  expect(aggregator.feed.subscribers).toBe(0);
});

needs('promtool')('promtool accepts the metrics page with our own metrics on it', async () => {
  const servers = await testServers();
  const { server, aggregator } = await replica(servers);
  await aggregator.view.ready();
  await supertest(server.url).get('/v1/services').expect(200);
  const { text } = await supertest(server.url).get('/metrics').expect(200);
  expect(text).toContain('rollcall_http_lookups_total 1');
  expect(checkMetrics(text)).toEqual({ status: 0, output: '' });
});
