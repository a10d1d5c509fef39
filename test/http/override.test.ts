import supertest from 'supertest';
import { expect, test } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { OverridePutAnswer } from '../../src/http/schemas/answers.ts';
import { readTokens } from '../../src/http/index.ts';
import { manualClock } from '../../src/testing/index.ts';
import { httpDaemon } from '../support/http-daemon.ts';

const PATH = '/v1/services/orders/providers/o-1/override';

test('an override is written, and answered with the index at which it shows', async () => {
  await using daemon = await httpDaemon({ clock: manualClock() });
  const body = { weight: 0, drain: true, disabled: false, by: 'ann', reason: 'new disk' };
  const answer = await supertest(daemon.url).put(PATH).send(body).expect(200);
  expect(OverridePutAnswer.safeParse(answer.body).error).toBeUndefined();
  const override = { ...body, at: '2026-01-01T00:00:00.000Z' };
  expect(answer.body).toEqual({ service: 'orders', id: 'o-1', index: '101', override });
  expect(answer.headers['x-rollcall-index']).toBe('101');
  expect(daemon.aggregator.overrides.get('orders/o-1')).toEqual(override);
});

test('an override is taken back once; there is nothing to take back then', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  await http.put(PATH).send({ drain: true }).expect(200);
  await http.delete(PATH).expect(204);
  const answer = await http.delete(PATH).expect(404);
  expect(answer.body.code).toBe('NOT_FOUND');
});

test('who calls the body of a DELETE JSON and sends none is understood', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  await http.put(PATH).send({ drain: true }).expect(200);
  await http.delete(PATH).set('content-type', 'application/json').expect(204);
  const empty = await http.put(PATH).set('content-type', 'application/json').send('').expect(400);
  expect(empty.body.errors).toEqual([{ field: 'body', message: 'is missing' }]);
});

test('an override may be of an id that must be encoded in a URL', async () => {
  await using daemon = await httpDaemon();
  const id = 'größe 100% ✓';
  const path = `/v1/services/orders/providers/${encodeURIComponent(id)}/override`;
  await supertest(daemon.url).put(path).send({ weight: 65_535 }).expect(200);
  expect([...daemon.aggregator.overrides.keys()]).toEqual([`orders/${id}`]);
});

test.each([
  [{}, 'body'],
  [{ by: 'ann' }, 'body'],
  [{ weight: -1 }, 'weight'],
  [{ weight: 65_536 }, 'weight'],
  [{ weight: 1.5 }, 'weight'],
  [{ weight: '10' }, 'weight'],
  [{ weight: null }, 'weight'],
  [{ drain: 'yes' }, 'drain'],
  [{ drain: true, by: 'x'.repeat(257) }, 'by'],
  [{ drain: true, reason: 7 }, 'reason'],
  [{ drain: true, at: 'now' }, 'at'],
  [{ drain: true, colour: 'red' }, 'colour'],
  [[], 'body'],
  ['"text"', 'body'],
  ['null', 'body'],
])('the body %j is refused, naming %s, and nothing is written', async (body, field) => {
  await using daemon = await httpDaemon();
  const answer = await supertest(daemon.url)
    .put(PATH)
    .set('content-type', 'application/json')
    .send(body)
    .expect(400);
  expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ field }] });
  expect(daemon.aggregator.overrides.size).toBe(0);
});

test.each([
  [{ drain: 'yes' }, 'drain', 'Invalid input: expected boolean, received string'],
  [{ weight: null }, 'weight', 'Invalid input: expected number, received null'],
  [{ drain: true, reason: 7 }, 'reason', 'Invalid input: expected string, received number'],
  [[], 'body', 'Invalid input: expected object, received array'],
  ['null', 'body', 'Invalid input: expected object, received null'],
])(
  'the body %j is told what is wrong with %s, not that it is missing',
  async (body, field, message) => {
    await using daemon = await httpDaemon();
    const answer = await supertest(daemon.url)
      .put(PATH)
      .set('content-type', 'application/json')
      .send(body)
      .expect(400);
    expect(answer.body.errors).toEqual([{ field, message }]);
  },
);

test.each([
  ['{"drain":', 'application/json', 400, 'INVALID_REQUEST'],
  ['', 'application/json', 400, 'INVALID_REQUEST'],
  ['{"__proto__":{"drain":true}}', 'application/json', 400, 'INVALID_REQUEST'],
  ['drain: true', 'text/plain', 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['<drain/>', 'application/xml', 415, 'UNSUPPORTED_MEDIA_TYPE'],
  [`{"reason":"${'x'.repeat(1024 * 1024)}"}`, 'application/json', 413, 'BODY_TOO_LARGE'],
] as const)('the body %.30s as %s is answered %d', async (text, type, status, code) => {
  await using daemon = await httpDaemon();
  const answer = await supertest(daemon.url)
    .put(PATH)
    .set('content-type', type)
    .send(text)
    .expect(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ status, code, instance: PATH });
  expect(daemon.aggregator.overrides.size).toBe(0);
  await supertest(daemon.url).put(PATH).send({ drain: true }).expect(200);
});

test.each([
  ['/v1/services/../providers/o-1/override', 400],
  ['/v1/services/%2E%2E/providers/o-1/override', 400],
  ['/v1/services/orders/providers/a%2Fb/override', 400],
  [`${PATH}?force=true`, 400],
])('an override at %s is refused', async (path, status) => {
  await using daemon = await httpDaemon();
  await supertest(daemon.url).put(path).send({ drain: true }).expect(status);
  expect(daemon.aggregator.overrides.size).toBe(0);
});

test('while ZooKeeper is away a write is refused, with when to try again', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.onWrite(async () => {
    throw new RollcallError('ZOOKEEPER_UNAVAILABLE', 'ZooKeeper is away: nothing was written');
  });
  const answer = await supertest(daemon.url).put(PATH).send({ drain: true }).expect(503);
  expect(answer.body).toMatchObject({ code: 'ZOOKEEPER_UNAVAILABLE' });
  expect(answer.headers['retry-after']).toBe('2');
});

test('a write that ZooKeeper does not answer is given up in time', async () => {
  const clock = manualClock();
  await using daemon = await httpDaemon({ clock });
  const asked = deferred<AbortSignal | undefined>();
  daemon.aggregator.onWrite(({ signal }) => {
    asked.resolve(signal);
    return new Promise((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason)),
    );
  });
  const writing = supertest(daemon.url)
    .put(PATH)
    .send({ drain: true })
    .then(answer => answer);
  await asked.promise;
  await clock.advance(10_000);
  const answer = await writing;
  expect(answer.status).toBe(504);
  expect(answer.body.code).toBe('TIMEOUT');
});

test('with tokens the audit names the token', async () => {
  const tokens = readTokens('[{name: ann, role: write, token: secret-of-ann}]');
  await using daemon = await httpDaemon({ tokens, openWrites: 'nobody' });
  const put = (body: object) =>
    supertest(daemon.url)
      .put(PATH)
      .set('authorization', 'Bearer secret-of-ann')
      .send(body)
      .expect(200);
  await put({ drain: true });
  expect(daemon.aggregator.overrides.get('orders/o-1')?.by).toBe('ann');
  await put({ drain: true, by: 'bob' });
  expect(daemon.aggregator.overrides.get('orders/o-1')?.by).toBe('bob (token ann)');
  await put({ drain: true, by: 'x'.repeat(256) });
  expect(daemon.aggregator.overrides.get('orders/o-1')?.by).toMatch(/^x{244} \(token ann\)$/);
});
