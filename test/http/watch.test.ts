import { connect } from 'node:net';
import supertest from 'supertest';
import { expect, test } from 'vitest';
import type { FeedBatch, FeedEvent } from '../../src/aggregator/ports.ts';
import { StreamEvents } from '../../src/http/schemas/answers.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { manualClock } from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeSubscriber, listed, suspect } from '../support/fake-aggregator.ts';
import { type HttpDaemon, httpDaemon } from '../support/http-daemon.ts';
import { sseClient } from '../support/sse-client.ts';

const joined = (id: string, index: bigint, metadata: Record<string, string> = {}): FeedEvent => ({
  type: 'joined',
  service: 'orders',
  index,
  provider: listed('orders', { id, metadata }, index),
});

async function subscriber(daemon: HttpDaemon, at = 0): Promise<FakeSubscriber> {
  return eventually(() => {
    const found = daemon.aggregator.subscribers[at];
    if (found === undefined) throw new Error('nobody has subscribed yet');
    return found;
  });
}

test('a stream says what it is, and what the view is', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  expect(client.response.statusCode).toBe(200);
  expect(client.response.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-rollcall-view': 'live',
    'x-rollcall-index': '100',
  });
  await eventually(() => expect(client.retryMs).toBeGreaterThanOrEqual(1_000));
  expect(client.retryMs).toBeLessThanOrEqual(2_000);
});

test('every event of the feed arrives, in order and as documented', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  const feed = await subscriber(daemon);
  const provider = listed('orders', { id: 'o-1', metadata: { note: 'two\nlines ✓' } }, 101n);
  const gone = suspect('orders', { id: 'o-9' }, 99n);
  const place = { service: 'orders', index: 101n } as const;
  feed.send({
    id: 101n,
    events: [
      { type: 'state', state: { kind: 'live' } },
      { type: 'state', state: { kind: 'stale', sinceWallMs: 0 } },
      { type: 'snapshot', ...place, providers: [provider], suspects: [gone] },
      { type: 'joined', ...place, provider },
      { type: 'changed', ...place, provider },
      { type: 'left', ...place, id: 'o-1', cause: 'deregistered', provider },
      { type: 'left', ...place, id: 'o-1', cause: 'vanished', provider: undefined },
      { type: 'suspects', ...place, suspects: [gone] },
      { type: 'reset', reason: 'too-far-behind' },
    ],
  });
  await eventually(() => expect(client.messages).toHaveLength(9));
  expect(client.messages.map(({ event }) => event)).toEqual([
    'state',
    'state',
    'snapshot',
    'joined',
    'changed',
    'left',
    'left',
    'suspects',
    'reset',
  ]);
  for (const { event, data } of client.messages) {
    const schema = StreamEvents[event as keyof typeof StreamEvents];
    expect(schema.safeParse(data).error).toBeUndefined();
  }
  expect(client.messages[2]?.data).toMatchObject({
    index: '101',
    providers: [{ id: 'o-1', metadata: { note: 'two\nlines ✓' } }],
  });
});

test('a batch’s id stands in its last event only: who is cut off before it comes back for the whole batch', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  const feed = await subscriber(daemon);
  feed.send({ id: 101n, events: [joined('a', 101n)] });
  feed.send({ id: 105n, events: [joined('b', 103n), joined('c', 104n), joined('d', 105n)] });
  await eventually(() => expect(client.messages).toHaveLength(4));
  expect(client.messages.map(({ lastEventId }) => lastEventId)).toEqual([
    '101',
    '101',
    '101',
    '105',
  ]);
});

test('the watermark’s moves arrive as ids without an event', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  const feed = await subscriber(daemon);
  expect(feed.send({ id: 110n, events: [] })).toBe(true);
  await eventually(() => expect(client.lastEventId).toBe('110'));
  expect(client.messages).toHaveLength(0);
  feed.send({ id: 121n, events: [joined('a', 121n)] });
  await eventually(() => expect(client.lastEventId).toBe('121'));
});

test('a quiet stream is kept open by comments', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  const feed = await subscriber(daemon);
  await clock.advance(14_000);
  feed.send({ id: 110n, events: [joined('a', 110n)] });
  await clock.advance(14_000);
  await eventually(() => expect(client.messages).toHaveLength(1));
  expect(client.comments).toBe(0);
  await clock.advance(2_000);
  await eventually(() => expect(client.comments).toBe(1));
});

test.each([
  ['', undefined],
  ['?service=a', ['a']],
  ['?service=a,b&service=c,a', ['a', 'b', 'c']],
] as const)('the stream "%s" is of %j', async (query, services) => {
  await using daemon = await httpDaemon();
  await using _client = await sseClient(`${daemon.url}/v1/watch${query}`);
  expect((await subscriber(daemon)).options).toMatchObject({ services, resumeFrom: undefined });
});

test('a stream goes on from Last-Event-ID, or from the parameter when there is no header', async () => {
  await using daemon = await httpDaemon();
  const watch = `${daemon.url}/v1/watch`;
  await using _a = await sseClient(watch, { 'last-event-id': '4294967296123' });
  await using _b = await sseClient(`${watch}?lastEventId=7`);
  await using _c = await sseClient(`${watch}?lastEventId=7`, { 'last-event-id': '8' });
  await using _d = await sseClient(watch, { 'last-event-id': '' });
  const froms = daemon.aggregator.subscribers.map(({ options }) => options.resumeFrom);
  expect(froms).toEqual([4294967296123n, 7n, 8n, undefined]);
});

test.each([
  ['?service=..', 'service.0', {}],
  ['?service=', 'service.0', {}],
  ['?services=a', 'services', {}],
  ['?lastEventId=x', 'lastEventId', {}],
  ['', 'Last-Event-ID', { 'last-event-id': 'x' }],
  ['', 'Last-Event-ID', { 'last-event-id': '9223372036854775808' }],
  [`?service=${Array.from({ length: 257 }, (_, at) => `s${at}`).join(',')}`, 'service', {}],
])('the stream "%.20s" is refused, naming %s', async (query, field, headers) => {
  await using daemon = await httpDaemon();
  const answer = await supertest(daemon.url).get(`/v1/watch${query}`).set(headers).expect(400);
  expect(answer.body.errors[0].field).toBe(field);
  expect(daemon.aggregator.subscribers).toHaveLength(0);
});

test('a stream is refused while there is no complete view, and when there are too many', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  daemon.aggregator.refuseSubscribers(new RollcallError('LIMIT_REACHED', '1000 streams are open'));
  const many = await http.get('/v1/watch').expect(503);
  expect(many.body).toMatchObject({ code: 'LIMIT_REACHED', detail: '1000 streams are open' });
  daemon.aggregator.setState({ kind: 'syncing' });
  const early = await http.get('/v1/watch').expect(503);
  expect(early.body.code).toBe('VIEW_SYNCING');
  await http.head('/v1/watch').expect(405);
});

test('a client that goes away ends its subscription', async () => {
  await using daemon = await httpDaemon();
  {
    await using _client = await sseClient(`${daemon.url}/v1/watch`);
    expect(daemon.aggregator.feed.subscribers).toBe(1);
  }
  await eventually(() => expect(daemon.aggregator.feed.subscribers).toBe(0));
});

test('of streams that were asked for ahead on one connection none is left once it has gone', async () => {
  await using daemon = await httpDaemon();
  const { feed } = daemon.aggregator;
  const socket = connect(daemon.server.port, '127.0.0.1');
  socket.write('GET /v1/watch HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20));
  await eventually(() => expect(feed.subscribers).toBe(20));
  socket.destroy();
  await eventually(() => expect(feed.subscribers).toBe(0));
});

test('the subscriber that the feed gave up as slow is cut off, without a goodbye', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  (await subscriber(daemon)).end('slow');
  await eventually(() => expect(client.ended).toBe(true));
  expect(client.messages).toHaveLength(0);
});

test('a client that does not read holds back itself alone, is dropped after a while, and the others hear everything', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  await using reader = await sseClient(`${daemon.url}/v1/watch`);
  await using sleeper = await sseClient(`${daemon.url}/v1/watch`);
  sleeper.pause();
  const toReader = await subscriber(daemon, 0);
  const toSleeper = await subscriber(daemon, 1);
  // More than the kernel's buffers take.
  const text = 'x'.repeat(4_000);
  const events = Array.from({ length: 10_000 }, (_, at) => joined(`p-${at}`, 101n, { text }));
  const batch: FeedBatch = { id: 101n, events };
  expect(toSleeper.send(batch)).toBe(false);
  toReader.send(batch);
  await eventually(() => expect(reader.lastEventId).toBe('101'));
  for (let id = 102n; id < 112n; id += 1n) {
    await clock.advance(2_900);
    toReader.send({ id, events: [joined('q', id)] });
    await eventually(() => expect(reader.lastEventId).toBe(String(id)));
  }
  expect(toSleeper.closed).toBe(false);
  expect(toSleeper.drains).toBe(0);
  // The kernel may have taken something for it a little after the beginning.
  await clock.advance(30_000);
  expect(toSleeper.closed).toBe(true);
  expect(toReader.closed).toBe(false);
  toReader.send({ id: 112n, events: [joined('last', 112n)] });
  await eventually(() => expect(reader.lastEventId).toBe('112'));
});

test('a client that reads slowly is told to the feed as taking more again', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  const feed = await subscriber(daemon);
  client.pause();
  const text = 'x'.repeat(4_000);
  const events = Array.from({ length: 5_000 }, (_, at) => joined(`p-${at}`, 101n, { text }));
  expect(feed.send({ id: 101n, events })).toBe(false);
  expect(feed.drains).toBe(0);
  client.resume();
  await eventually(() => expect(client.messages).toHaveLength(5_000));
  await eventually(() => expect(feed.drains).toBeGreaterThan(0));
  expect(feed.send({ id: 102n, events: [joined('z', 102n)] })).toBe(true);
});

test('a shutdown of the feed is said on the stream', async () => {
  await using daemon = await httpDaemon();
  await using client = await sseClient(`${daemon.url}/v1/watch`);
  (await subscriber(daemon)).end('shutdown');
  await eventually(() => expect(client.ended).toBe(true));
  expect(client.messages).toMatchObject([{ event: 'goodbye', data: { reason: 'shutdown' } }]);
});

test('a client of HTTP/1.0 gets the stream as it is, without chunks', async () => {
  await using daemon = await httpDaemon();
  const socket = connect(daemon.server.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.write('GET /v1/watch HTTP/1.0\r\n\r\n');
  const feed = await subscriber(daemon);
  feed.send({ id: 101n, events: [joined('a', 101n)] });
  await eventually(() => expect(text).toContain('id: 101\n\n'));
  expect(text.split('\r\n\r\n')[1]).toMatch(
    /^retry: \d+\n\nevent: joined\ndata: \{.*\}\nid: 101\n\n$/,
  );
  socket.destroy();
});
