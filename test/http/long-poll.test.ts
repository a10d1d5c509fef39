import { request } from 'node:http';
import { connect } from 'node:net';
import supertest from 'supertest';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { manualClock } from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';
import { type HttpDaemon, httpDaemon } from '../support/http-daemon.ts';

const PATH = '/v1/services/orders/providers';

/** A poll that is under way: what it has been answered, once it has. */
function poll(daemon: HttpDaemon, path: string, headers: Record<string, string> = {}) {
  let answered = false;
  const answer = supertest(daemon.url)
    .get(path)
    .set(headers)
    .then(response => {
      answered = true;
      return response;
    });
  return {
    answer,
    get answered() {
      return answered;
    },
  };
}

const held = (daemon: HttpDaemon): Promise<void> =>
  eventually(() => expect(daemon.aggregator.listening).toBeGreaterThan(0));

const free = (daemon: HttpDaemon): Promise<void> =>
  eventually(() => expect(daemon.aggregator.listening).toBe(0));

test('a poll without an index is answered at once', async () => {
  await using daemon = await httpDaemon();
  await supertest(daemon.url).get(`${PATH}?wait=5m`).expect(200);
});

test('a poll below the index is answered at once', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const answer = await supertest(daemon.url).get(`${PATH}?index=100&wait=5m`).expect(200);
  expect(answer.headers['x-rollcall-index']).toBe('101');
  expect(answer.headers['x-rollcall-reset']).toBeUndefined();
});

test('a held poll is answered by the next change, and leaves no listener behind', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=101&wait=5m`);
  await held(daemon);
  daemon.aggregator.setService('payments', [{ id: 'p-1' }]);
  expect(waiting.answered).toBe(false);
  daemon.aggregator.setService('orders', [{ id: 'o-1' }, { id: 'o-2' }]);
  const { body, headers } = await waiting.answer;
  expect(body.providers).toHaveLength(2);
  expect(headers['x-rollcall-index']).toBe('103');
  await free(daemon);
});

test('three hundred polls of one service are all answered by one change', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = Array.from({ length: 300 }, () => poll(daemon, `${PATH}?index=101&wait=5m`));
  await eventually(() => expect(daemon.aggregator.listening).toBe(300));
  daemon.aggregator.setService('orders', [{ id: 'o-2' }], 102n);
  const answers = await Promise.all(waiting.map(({ answer }) => answer));
  expect(new Set(answers.map(({ headers }) => headers['etag'])).size).toBe(1);
  expect(new Set(answers.map(({ headers }) => headers['x-rollcall-index']))).toEqual(
    new Set(['102']),
  );
});

test('a service that is not there is waited for, and not found when the wait is over', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  const at = '/v1/services/orders';
  const { headers } = await supertest(daemon.url).get(`${at}?wait=5m`).expect(404);
  const path = `${at}?index=${headers['x-rollcall-index']}&wait=10s`;
  const waiting = poll(daemon, path);
  await held(daemon);
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  expect((await waiting.answer).status).toBe(200);
  const forNobody = poll(daemon, path.replace('orders', 'nobody'));
  await held(daemon);
  await clock.advance(10_000);
  const { status, body } = await forNobody.answer;
  expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
  await free(daemon);
});

test('at the end of the wait the answer is sent, changed or not', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=101&wait=10s`);
  await held(daemon);
  await clock.advance(9_999);
  expect(waiting.answered).toBe(false);
  await clock.advance(1);
  const { status, headers } = await waiting.answer;
  expect(status).toBe(200);
  expect(headers['x-rollcall-reset']).toBeUndefined();
});

test.each([
  ['', 30_000],
  ['&wait=2h', 300_000],
])('a wait "%s" is %d ms', async (wait, ms) => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=101${wait}`);
  await held(daemon);
  await clock.advance(ms - 1);
  expect(waiting.answered).toBe(false);
  await clock.advance(1);
  await waiting.answer;
});

test('a wait ends also when its timer fires before the clock has come to its end', async () => {
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, fire, options) => systemClock.after(delayMs - 5, fire, options),
  };
  await using daemon = await httpDaemon({ clock });
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const { status } = await poll(daemon, `${PATH}?index=101&wait=50ms`).answer;
  expect(status).toBe(200);
});

test('a poll whose body is still the same at its end is answered 304', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const { etag } = (await supertest(daemon.url).get(PATH)).headers;
  const headers = { 'if-none-match': String(etag) };
  const answer = await poll(daemon, `${PATH}?index=101&wait=1ms`, headers).answer;
  expect(answer.status).toBe(304);
});

test('a poll whose body is not the client’s any more is answered at once, though its index is', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const answer = await poll(daemon, `${PATH}?index=101&wait=5m`, { 'if-none-match': '"old"' })
    .answer;
  expect(answer.status).toBe(200);
});

test('the master’s word wakes who waits for a summary with its ETag', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const { etag } = (await supertest(daemon.url).get('/v1/services/orders')).headers;
  const waiting = poll(daemon, '/v1/services/orders?index=101&wait=5m', {
    'if-none-match': String(etag),
  });
  await held(daemon);
  const counts = daemon.aggregator.view.service('orders').counts;
  const derived = {
    name: 'orders',
    health: 'down',
    counts,
    zones: {},
    versions: {},
    flaps: 3,
    lastChange: undefined,
  } as const;
  daemon.aggregator.setDerived({
    index: 102n,
    overview: undefined,
    services: [derived],
    service: () => derived,
  });
  expect((await waiting.answer).body.derived.health).toBe('down');
});

test.each([
  ['/v1/services?index=101', 'services'],
  ['/v1/services/orders/consumers?index=101', 'consumers'],
  ['/v1/topology?index=101', 'consumers'],
  ['/v1/overview?index=101', 'derived'],
] as const)('%s waits for %s', async (path, topic) => {
  await using daemon = await httpDaemon();
  const { aggregator } = daemon;
  aggregator.setWatermark(101n);
  aggregator.setConsumers('orders', []);
  aggregator.setDerived({
    index: 101n,
    overview: undefined,
    service: () => undefined,
    services: [],
  });
  const http = supertest(daemon.url);
  const { index } = (await http.get(path.split('?')[0] ?? '')).body;
  const waiting = poll(daemon, `${path.split('?')[0]}?index=${index}&wait=5m`);
  await held(daemon);
  if (topic === 'services') aggregator.setService('orders', []);
  if (topic === 'consumers') aggregator.setConsumers('orders', ['shop-1']);
  if (topic === 'derived') {
    aggregator.setDerived({
      index: 200n,
      overview: undefined,
      service: () => undefined,
      services: [],
    });
  }
  const answer = await waiting.answer;
  expect(BigInt(answer.body.index)).toBeGreaterThan(BigInt(index));
});

test('a client above the replica is held until it has caught up, and never shown the older state', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=150&wait=5m`, {
    'if-none-match': '"of another replica"',
  });
  await held(daemon);
  daemon.aggregator.setWatermark(149n);
  daemon.aggregator.setService('orders', [{ id: 'o-2' }], 140n);
  expect(waiting.answered).toBe(false);
  daemon.aggregator.setService('orders', [{ id: 'o-3' }], 151n);
  const { body, headers } = await waiting.answer;
  expect(body.providers).toMatchObject([{ id: 'o-3' }]);
  expect(headers['x-rollcall-reset']).toBeUndefined();
});

test('a client that is still above the replica when the wait ends is told that what it has is void', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=150&wait=10s`);
  await held(daemon);
  await clock.advance(10_000);
  const { headers, body } = await waiting.answer;
  expect(headers).toMatchObject({ 'x-rollcall-reset': 'true', 'x-rollcall-index': '101' });
  expect(body.providers).toHaveLength(1);
});

test('a client is held though the watermark has come up to its index: what it saw beyond may be on its way', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=150&wait=5m`);
  await held(daemon);
  daemon.aggregator.setWatermark(150n);
  daemon.aggregator.setService('orders', [{ id: 'o-1' }, { id: 'o-2' }], 160n);
  const { body, headers } = await waiting.answer;
  expect(body.providers).toMatchObject([{ id: 'o-1' }, { id: 'o-2' }]);
  expect(headers['x-rollcall-reset']).toBeUndefined();
});

test('a client that goes away is forgotten', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const asking = request(`${daemon.url}${PATH}?index=101&wait=5m`, { agent: false });
  asking.on('error', () => undefined);
  asking.end();
  await held(daemon);
  asking.destroy();
  await free(daemon);
  const series = `rollcall_http_request_seconds_count{route="/v1/services/:service/providers",method="GET",status="499"} 1`;
  await eventually(async () => expect(await daemon.registry.metrics()).toContain(series));
});

test('of requests that were sent ahead on one connection none is held once it has gone', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const socket = connect(daemon.server.port, '127.0.0.1');
  const line = `GET ${PATH}?index=101&wait=5m HTTP/1.1\r\nHost: a\r\n\r\n`;
  socket.write(line.repeat(20));
  await eventually(() => expect(daemon.aggregator.listening).toBe(20));
  socket.destroy();
  await free(daemon);
});

test('only so many requests are held; one more is refused, and room is made when one ends', async () => {
  await using daemon = await httpDaemon({ limits: { maxHeld: 2 } });
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const path = `${PATH}?index=101&wait=5m`;
  const first = poll(daemon, path);
  const second = poll(daemon, path);
  await eventually(() => expect(daemon.aggregator.listening).toBe(2));
  const refused = await supertest(daemon.url).get(path).expect(503);
  expect(refused.body.code).toBe('LIMIT_REACHED');
  expect(refused.headers['retry-after']).toBe('1');
  await supertest(daemon.url).get(PATH).expect(200);
  daemon.aggregator.setService('orders', [], 102n);
  await Promise.all([first.answer, second.answer]);
  const third = poll(daemon, `${PATH}?index=102&wait=5m`);
  await held(daemon);
  daemon.aggregator.setService('orders', [], 103n);
  expect((await third.answer).status).toBe(200);
});

test('the time that a request is held on its own wish is not counted as the daemon’s', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  const waiting = poll(daemon, `${PATH}?index=101&wait=5m`);
  await held(daemon);
  await clock.advance(300_000);
  await waiting.answer;
  const text = await daemon.registry.metrics();
  const sum = /rollcall_http_request_seconds_sum\{.*\} (.+)/.exec(text)?.[1];
  expect(Number(sum)).toBeLessThan(200);
});
