import supertest from 'supertest';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import {
  AggregatorsAnswer,
  ConsumersAnswer,
  ExplainAnswer,
  HistoryAnswer,
  OverviewAnswer,
  PickAnswer,
  ProvidersAnswer,
  ServiceAnswer,
  ServicesAnswer,
  TopologyAnswer,
} from '../../src/http/schemas/answers.ts';
import { listed, suspect } from '../support/fake-aggregator.ts';
import { type HttpDaemon, httpDaemon } from '../support/http-daemon.ts';

const COUNTS = { total: 2, up: 2, starting: 0, draining: 0, down: 0, unhealthy: 0, suspects: 0 };

async function populated(): Promise<HttpDaemon> {
  const daemon = await httpDaemon();
  const { aggregator } = daemon;
  const derived = {
    name: 'orders',
    health: 'healthy',
    counts: COUNTS,
    zones: { 'eu-1a': 1, 'eu-1b': 1 },
    versions: { '1.0': 2 },
    flaps: 0.5,
    lastChange: undefined,
  } as const;
  aggregator.setDerived({
    index: 90n,
    overview: {
      writtenAt: '2026-01-01T00:00:00.000Z',
      by: 'b',
      token: '77',
      services: 1,
      providers: 2,
      counts: COUNTS,
    },
    service: name => (name === 'orders' ? derived : undefined),
    services: [derived],
  });
  aggregator.setAggregators({
    self: 'a',
    master: { id: 'b', token: 77n },
    members: [
      {
        id: 'b',
        address: '10.0.0.2:7070',
        version: '1.2.3',
        since: '2026-01-01T00:00:00.000Z',
        master: true,
        view: 'live',
      },
    ],
  });
  aggregator.addHistory({ event: 'left', cause: 'crashed-or-expired', zxid: 2n ** 60n });
  aggregator.setExplanation({
    listed: true,
    inDefaultList: true,
    provider: listed('orders', { id: 'o-1', override: { drain: false, by: 'ann' } }, 101n),
    suspect: suspect('orders', { id: 'o-1' }, 101n),
    override: { drain: false, by: 'ann' },
    znodes: [
      { znode: '/x', czxid: 5n, sessionId: -1n, verdict: 'listed', detail: 'it is the only one' },
    ],
  });
  aggregator.setConsumers('orders', ['shop-1', 'shop-2']);
  aggregator.setService('orders', [
    { id: 'o-1', zone: 'eu-1a', version: '1.0', tags: ['primary'], unknownField: { kept: true } },
    { id: 'o-2', zone: 'eu-1b', version: '1.0', healthy: true },
  ]);
  aggregator.setSuspects('orders', [{ id: 'o-9' }]);
  return daemon;
}

const LOOKUPS: readonly (readonly [path: string, schema: z.ZodType])[] = [
  ['/v1/services', ServicesAnswer],
  ['/v1/services/orders', ServiceAnswer],
  ['/v1/services/orders/providers', ProvidersAnswer],
  ['/v1/services/orders/consumers', ConsumersAnswer],
  ['/v1/services/orders/pick', PickAnswer],
  ['/v1/topology', TopologyAnswer],
  ['/v1/explain/orders/o-1', ExplainAnswer],
  ['/v1/explain/nobody/nothing', ExplainAnswer],
  ['/v1/history', HistoryAnswer],
  ['/v1/aggregators', AggregatorsAnswer],
  ['/v1/overview', OverviewAnswer],
];

test.each(LOOKUPS)(
  '%s is documented, and says its index, its ETag and the state of the view',
  async (path, schema) => {
    await using daemon = await populated();
    const answer = await supertest(daemon.url).get(path).expect(200);
    expect(schema.safeParse(answer.body).error).toBeUndefined();
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-rollcall-index': expect.stringMatching(/^\d+$/),
      'x-rollcall-view': 'live',
      etag: expect.stringMatching(/^"[\w-]{22}"$/),
      'cache-control': 'no-cache',
    });
    if ('index' in answer.body) expect(answer.body.index).toBe(answer.headers['x-rollcall-index']);
  },
);

test.each(LOOKUPS.filter(([path]) => !path.endsWith('/pick')))(
  '%s is not sent again to whoever has it',
  async path => {
    await using daemon = await populated();
    const http = supertest(daemon.url);
    const { etag } = (await http.get(path).expect(200)).headers;
    for (const sent of [etag, `W/${etag}`, `"other", W/${etag}`, '*']) {
      const answer = await http.get(path).set('if-none-match', String(sent)).expect(304);
      expect(answer.text).toBe('');
      expect(answer.headers).toMatchObject({ etag, 'x-rollcall-view': 'live' });
      expect(answer.headers['x-rollcall-index']).toBeDefined();
    }
    await http.get(path).set('if-none-match', '"other"').expect(200);
    await http.get(path).set('if-none-match', 'garbage').expect(200);
  },
);

test.each(LOOKUPS.filter(([path]) => !path.endsWith('/pick')))(
  '%s is the same as before when only others were written to',
  async path => {
    await using daemon = await populated();
    const http = supertest(daemon.url);
    const { etag } = (await http.get(path).expect(200)).headers;
    daemon.aggregator.setWatermark(5_000n);
    await http.get(path).set('if-none-match', String(etag)).expect(304);
  },
);

test.each(LOOKUPS)('%s is refused while there is no complete view', async path => {
  await using daemon = await populated();
  daemon.aggregator.setState({ kind: 'syncing' });
  const answer = await supertest(daemon.url).get(path).expect(503);
  expect(answer.headers).toMatchObject({ 'retry-after': '1', 'x-rollcall-view': 'syncing' });
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ status: 503, code: 'VIEW_SYNCING', instance: path });
});

test.each(LOOKUPS)('%s goes on answering while ZooKeeper is away, and says so', async path => {
  await using daemon = await populated();
  daemon.aggregator.setState({ kind: 'stale', sinceWallMs: 1_000 });
  const answer = await supertest(daemon.url).get(path).expect(200);
  expect(answer.headers['x-rollcall-view']).toBe('stale');
});

test.each(LOOKUPS)('%s refuses a parameter that it does not know, by name', async path => {
  await using daemon = await populated();
  const answer = await supertest(daemon.url).get(`${path}?colour=red`).expect(400);
  expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ field: 'colour' }] });
});

test.each(LOOKUPS)('%s can be asked for its headers alone', async path => {
  await using daemon = await populated();
  const answer = await supertest(daemon.url).head(path).expect(200);
  expect(answer.headers['x-rollcall-view']).toBe('live');
});

test('a provider is its whole record, unknown fields included, with what the view adds', async () => {
  await using daemon = await populated();
  const { body } = await supertest(daemon.url).get('/v1/services/orders/providers');
  expect(body.providers[0]).toMatchObject({
    v: 1,
    id: 'o-1',
    service: 'orders',
    port: 8080,
    unknownField: { kept: true },
    czxid: expect.stringMatching(/^\d+$/),
    znode: expect.stringContaining('/services/orders/providers/o-1-'),
    since: expect.stringMatching(/Z$/),
  });
  expect(body.suspects).toMatchObject([{ id: 'o-9', reason: '8 of 10 vanished' }]);
});

test('64-bit numbers are sent as text, whole', async () => {
  await using daemon = await populated();
  const history = await supertest(daemon.url).get('/v1/history');
  expect(history.body.entries[0].zxid).toBe('1152921504606846976');
  const explained = await supertest(daemon.url).get('/v1/explain/orders/o-1');
  expect(explained.body.znodes[0].sessionId).toBe('0xffffffffffffffff');
});

test('a service that nobody announced has empty lists, and no summary', async () => {
  await using daemon = await populated();
  const http = supertest(daemon.url);
  const list = await http.get('/v1/services/nobody/providers').expect(200);
  expect(list.body).toEqual({ service: 'nobody', index: '50', providers: [], suspects: [] });
  const consumers = await http.get('/v1/services/nobody/consumers').expect(200);
  expect(consumers.body).toMatchObject({ service: 'nobody', consumers: [] });
  const summary = await http.get('/v1/services/nobody').expect(404);
  expect(summary.body.code).toBe('NOT_FOUND');
  expect(summary.headers).toMatchObject({ 'x-rollcall-index': '50', 'x-rollcall-view': 'live' });
});

test.each(['..', '.', 'a b', 'a%20b', 'ä', 'x'.repeat(129), '%00', "o'r"])(
  'a service cannot be named %s',
  async name => {
    await using daemon = await populated();
    const path = `/v1/services/${name.includes('%') ? name : encodeURIComponent(name).replaceAll('.', '%2E')}/providers`;
    const answer = await supertest(daemon.url).get(path).expect(400);
    expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ field: 'service' }] });
  },
);

test.each([
  ['/v1/services?index=1&index=2', 'index'],
  ['/v1/services/orders/providers?wait=1s&wait=2s', 'wait'],
  ['/v1/history?limit=1&limit=2', 'limit'],
])('%s gives one parameter twice, and is told so', async (path, field) => {
  await using daemon = await populated();
  const { body } = await supertest(daemon.url).get(path).expect(400);
  expect(body.errors).toEqual([{ field, message: 'is given more than once' }]);
});

test('services are filtered by prefix and read page by page', async () => {
  await using daemon = await populated();
  for (const name of ['shop.a', 'shop.b', 'shop.c', 'zoo']) daemon.aggregator.setService(name, []);
  const http = supertest(daemon.url);
  const first = await http.get('/v1/services?prefix=shop.&limit=2').expect(200);
  expect(first.body.services.map((item: { name: string }) => item.name)).toEqual([
    'shop.a',
    'shop.b',
  ]);
  expect(first.body.next).toBe('shop.b');
  const second = await http.get('/v1/services?prefix=shop.&limit=2&after=shop.b').expect(200);
  expect(second.body.services.map((item: { name: string }) => item.name)).toEqual(['shop.c']);
  expect(second.body.next).toBeUndefined();
});

test('the summary counts by zone, version and tag, and passes on the master’s word', async () => {
  await using daemon = await populated();
  const { body } = await supertest(daemon.url).get('/v1/services/orders');
  expect(body).toMatchObject({
    service: 'orders',
    zones: { 'eu-1a': 1, 'eu-1b': 1 },
    versions: { '1.0': 2 },
    tags: { primary: 1 },
    counts: { up: 2, suspects: 1 },
    derived: { health: 'healthy', flaps: 0.5 },
  });
});

test('the summary is another one when only the master’s word changed', async () => {
  await using daemon = await populated();
  const http = supertest(daemon.url);
  const before = await http.get('/v1/services/orders');
  daemon.aggregator.setDerived({
    index: 91n,
    overview: undefined,
    service: () => undefined,
    services: [],
  });
  const after = await http
    .get('/v1/services/orders')
    .set('if-none-match', String(before.headers['etag']))
    .expect(200);
  expect(after.body.derived).toBeNull();
  const overview = await http.get('/v1/overview').expect(200);
  expect(overview.body).toEqual({
    index: '91',
    writtenAt: null,
    by: null,
    token: null,
    totals: null,
    services: [],
  });
});

test('history is asked for by service, id, time and number', async () => {
  await using daemon = await populated();
  const http = supertest(daemon.url);
  await http
    .get('/v1/history?service=orders&id=o-1&since=2026-01-31T00:00:00Z&limit=7')
    .expect(200);
  await http.get('/v1/history?since=1700000000000').expect(200);
  await http.get('/v1/history?since=10m').expect(200);
  const [first, second, third] = daemon.aggregator.historyQueries;
  expect(first).toEqual({
    service: 'orders',
    id: 'o-1',
    sinceWallMs: Date.UTC(2026, 0, 31),
    limit: 7,
  });
  expect(second).toMatchObject({ sinceWallMs: 1_700_000_000_000, limit: 100 });
  expect(third?.sinceWallMs).toBeGreaterThan(Date.UTC(2026, 0, 1));
  for (const bad of [
    'since=yesterday',
    'since=2026-13-45',
    'since=2026-01-31T12:00:00',
    'since=2026-01-31%2012:00',
    'limit=0',
    'limit=1001',
    'limit=x',
    'service=..',
    'id=a%2Fb',
  ]) {
    const answer = await http.get(`/v1/history?${bad}`).expect(400);
    expect(answer.body.errors[0].field).toBe(bad.split('=')[0]);
  }
});

test.each([
  ['2026-01-31', '2026-01-31T00:00:00Z'],
  ['2026-01-31T12:00Z', '2026-01-31T12:00:00Z'],
  ['2026-01-31T12:00:00.5-05:30', '2026-01-31T17:30:00.5Z'],
  ['2026-01-31T12:00:00%2B02:00', '2026-01-31T10:00:00Z'],
  ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00Z'],
])('since=%s is %s, wherever the daemon runs', async (since, at) => {
  await using daemon = await populated();
  await supertest(daemon.url).get(`/v1/history?since=${since}`).expect(200);
  expect(daemon.aggregator.historyQueries).toMatchObject([{ sinceWallMs: Date.parse(at) }]);
});

test('a time without a zone is refused: it would be another one on every machine', async () => {
  await using daemon = await populated();
  const asking = supertest(daemon.url).get('/v1/history?since=2026-01-31T12:00:00');
  const { body } = await asking.expect(400);
  expect(body.errors).toEqual([{ field: 'since', message: expect.stringContaining('its zone') }]);
});

test.each(['ünï-cødé ✓', '100%', 'a b', 'a+b', '日本語', '🦒', 'a?b#c', "it's"])(
  'an id may be %s',
  async id => {
    await using daemon = await populated();
    daemon.aggregator.setExplanation({});
    const answer = await supertest(daemon.url)
      .get(`/v1/explain/orders/${encodeURIComponent(id)}`)
      .expect(200);
    expect(answer.body.id).toBe(id);
  },
);

test.each([
  ['a%2Fb', 400],
  ['..%2f..', 400],
  ['%2e%2e', 400],
  ['a%0Ab', 400],
  ['%E0%A4%A', 400],
  ['x'.repeat(257), 400],
  ['x'.repeat(600), 414],
] as const)('the id %s is refused, and clearly', async (id, status) => {
  await using daemon = await populated();
  const answer = await supertest(daemon.url).get(`/v1/explain/orders/${id}`).expect(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST', status });
});
