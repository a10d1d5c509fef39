import { Agent, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import supertest from 'supertest';
import { expect, test } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { startServer } from '../../src/http/index.ts';
import { manualClock } from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';
import { httpDaemon } from '../support/http-daemon.ts';
import { sseClient } from '../support/sse-client.ts';

const PATH = '/v1/services/orders/providers';

test('readiness fails first, while everything is still answered', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  await using stream = await sseClient(`${daemon.url}/v1/watch`);
  const http = supertest(daemon.url);
  const closing = daemon.server.shutdown({ lameDuckMs: 5_000 });
  const ready = await http.get('/readyz').expect(503);
  expect(ready.body).toMatchObject({ code: 'SHUTTING_DOWN', detail: 'lifecycle: shutting down' });
  await http.get('/healthz').expect(200);
  await http.get(PATH).expect(200);
  expect(daemon.server.phase).toBe('leaving');
  expect(stream.ended).toBe(false);
  await clock.advance(5_000);
  await closing;
  await eventually(() => expect(stream.messages.at(-1)?.event).toBe('goodbye'));
  await expect(http.get('/healthz')).rejects.toThrow('ECONNREFUSED');
});

test('streams get a goodbye with a hint when to come again, held requests their answer', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }], 101n);
  await using stream = await sseClient(`${daemon.url}/v1/watch`);
  const held = supertest(daemon.url)
    .get(`${PATH}?index=101&wait=5m`)
    .then(answer => answer);
  await eventually(() => expect(daemon.aggregator.listening).toBe(1));
  await daemon.server.shutdown();
  const answer = await held;
  expect(answer.status).toBe(200);
  expect(answer.headers['connection']).toBe('close');
  expect(answer.body.providers).toHaveLength(1);
  await eventually(() => expect(stream.ended).toBe(true));
  expect(stream.messages).toMatchObject([{ event: 'goodbye', data: { reason: 'shutdown' } }]);
  expect(stream.retryMs).toBeGreaterThanOrEqual(1_000);
  expect(daemon.aggregator.feed.subscribers).toBe(0);
});

test('an answer that is under way is finished', async () => {
  await using daemon = await httpDaemon();
  const writing = deferred<{ readonly index: bigint }>();
  const asked = deferred<void>();
  daemon.aggregator.onWrite(() => {
    asked.resolve();
    return writing.promise;
  });
  const put = supertest(daemon.url)
    .put('/v1/services/orders/providers/o-1/override')
    .send({ drain: true })
    .then(answer => answer);
  await asked.promise;
  let closed = false;
  const closing = daemon.server.shutdown().then(() => {
    closed = true;
  });
  await eventually(() =>
    expect(supertest(daemon.url).get('/healthz')).rejects.toThrow('ECONNREFUSED'),
  );
  expect(closed).toBe(false);
  writing.resolve({ index: 200n });
  expect((await put).status).toBe(200);
  await closing;
});

test('what is not finished within the grace is cut', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock, limits: { writeTimeoutMs: 60_000 } });
  const asked = deferred<void>();
  daemon.aggregator.onWrite(({ signal }) => {
    asked.resolve();
    return new Promise((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason)),
    );
  });
  const put = supertest(daemon.url)
    .put('/v1/services/orders/providers/o-1/override')
    .send({ drain: true })
    .then(
      () => 'answered',
      () => 'cut',
    );
  await asked.promise;
  const closing = daemon.server.shutdown({ graceMs: 3_000 });
  await clock.advance(3_000);
  await closing;
  expect(await put).toBe('cut');
});

test('connections that are kept open do not hold the shutdown up, and a stream that is not read neither', async () => {
  await using daemon = await httpDaemon();
  const agent = new Agent({ keepAlive: true });
  const [response]: IncomingMessage[] = await once(
    get(`${daemon.url}/healthz`, { agent }),
    'response',
  );
  response?.resume();
  await once(response ?? agent, 'end');
  await using stream = await sseClient(`${daemon.url}/v1/watch`);
  stream.pause();
  await daemon.server.shutdown({ graceMs: 200 });
  agent.destroy();
});

test('a shutdown that is asked for twice happens once, and nothing is left to close', async () => {
  await using daemon = await httpDaemon();
  const first = daemon.server.shutdown();
  expect(daemon.server.shutdown({ graceMs: 1 })).toBe(first);
  await first;
  expect(daemon.server.phase).toBe('draining');
  await daemon.server.close();
});

test('an address that is taken is said to be, with the flag that it came from', async () => {
  await using daemon = await httpDaemon();
  const { aggregator, registry, server } = daemon;
  registry.clear();
  const second = startServer({
    aggregator,
    metrics: { render: () => registry.metrics(), registry },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    clock: systemClock,
    version: '1',
    listen: { host: '127.0.0.1', port: server.port },
  });
  await expect(second).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining(`cannot listen on 127.0.0.1:${server.port}`),
  });
});
