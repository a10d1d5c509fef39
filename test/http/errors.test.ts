import supertest from 'supertest';
import { expect, test } from 'vitest';
import { RollcallError } from '../../src/kernel/errors.ts';
import { eventually } from '../support/eventually.ts';
import { httpDaemon } from '../support/http-daemon.ts';
import { rawAnswer } from '../support/raw-answer.ts';

const PROBLEM = 'application/problem+json; charset=utf-8';

test.each([
  '/nowhere',
  '/v1',
  '/v1/',
  '/v1/services/',
  '/v1/services//providers',
  '/v1/services/a/b/c',
  '/V1/services',
])('there is no route %s', async path => {
  await using daemon = await httpDaemon();
  const answer = await supertest(daemon.url).get(`${path}?secret=1`);
  expect(answer.headers['content-type']).toBe(PROBLEM);
  expect([400, 404]).toContain(answer.status);
  expect(answer.body).toMatchObject({ status: answer.status, instance: path });
  expect(answer.body.type).toMatch(/^\/docs#[A-Z_]+$/);
});

test.each([
  ['post', '/v1/services', 'GET, HEAD'],
  ['delete', '/v1/services/orders/providers', 'GET, HEAD'],
  ['get', '/v1/services/orders/providers/o-1/override', 'DELETE, PUT'],
  ['patch', '/v1/services/orders/providers/o%2D1/override', 'DELETE, PUT'],
  ['put', '/v1/watch', 'GET'],
  ['options', '/metrics', 'GET, HEAD'],
] as const)('%s is not for %s', async (method, path, allow) => {
  await using daemon = await httpDaemon();
  const answer = await supertest(daemon.url)[method](`${path}?x=1`).expect(405);
  expect(answer.headers).toMatchObject({ allow, 'content-type': PROBLEM });
  expect(answer.body).toMatchObject({ code: 'METHOD_NOT_ALLOWED', status: 405 });
});

test('a fault of our own says nothing to the client, and all to the log', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.onWrite(async () => {
    throw new Error('the secret is 42');
  });
  const path = '/v1/services/orders/providers/o-1/override';
  const answer = await supertest(daemon.url).put(path).send({ drain: true }).expect(500);
  expect(answer.body).toMatchObject({ code: 'INTERNAL', status: 500, instance: path });
  expect(answer.text).not.toContain('42');
  expect(answer.text).not.toContain('stack');
  expect(daemon.errors).toMatchObject([
    {
      error: 'the secret is 42',
      method: 'PUT',
      route: '/v1/services/:service/providers/:id/override',
    },
  ]);
});

test('a failure that has a code is told with its own words', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.onWrite(async () => {
    throw new RollcallError(
      'NO_AUTH',
      'ZooKeeper allows nobody to write below /rollcall/overrides',
    );
  });
  const answer = await supertest(daemon.url)
    .put('/v1/services/orders/providers/o-1/override')
    .send({ drain: true })
    .expect(502);
  expect(answer.body).toMatchObject({
    code: 'NO_AUTH',
    detail: expect.stringContaining('/rollcall/overrides'),
  });
  expect(daemon.errors).toEqual([]);
});

test.each([
  ['what is not HTTP', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]), 400],
  ['a request line that is none', 'HELLO\r\n\r\n', 400],
  [
    'headers that are too large',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
    431,
  ],
  [
    'two lengths',
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
  ],
] as const)(
  '%s is answered with a problem, and the connection closed',
  async (_what, bytes, status) => {
    await using daemon = await httpDaemon();
    const text = await rawAnswer(daemon.url, [bytes]);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text).toContain(`Content-Type: ${PROBLEM}`);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
    await supertest(daemon.url).get('/healthz').expect(200);
  },
);

test('of ten thousand unknown fields a few are named, and no long name is repeated', async () => {
  await using daemon = await httpDaemon();
  const path = '/v1/services/orders/providers/o-1/override';
  const fields = Array.from({ length: 10_000 }, (_, at) => [`f${at}`, 0]);
  const many = await supertest(daemon.url).put(path).send(Object.fromEntries(fields)).expect(400);
  expect(many.body.errors).toHaveLength(10);
  const long = { weight: 1, ['x'.repeat(10_000)]: 1 };
  const answer = await supertest(daemon.url).put(path).send(long).expect(400);
  expect(answer.body.errors[0].field).toMatch(/^x{128}…$/);
  expect(answer.text.length).toBeLessThan(1_000);
});

test('garbage in every place leaves the daemon up', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  const garbage = [
    '%',
    '%zz',
    '%ff',
    '%00',
    '%0d%0aX:%201',
    '..%2f..',
    "'--",
    '{}',
    '[]',
    '<script>',
  ];
  for (const word of garbage) {
    for (const path of [
      `/v1/services/${word}`,
      `/v1/explain/a/${word}`,
      `/v1/services?prefix=${word}`,
      `/v1/watch?service=${word}`,
      `/${word}`,
    ]) {
      const answer = await http.get(encodeURI(path).replaceAll('%25', '%'));
      expect(answer.status).toBeLessThan(500);
    }
  }
  expect(daemon.errors).toEqual([]);
  await http.get('/v1/services').expect(200);
});

test('labels of the metrics do not grow with what clients send', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  await http.get('/v1/services/orders/providers').expect(200);
  await http.get('/v1/services/payments/providers').expect(200);
  await http.get('/nowhere/1').expect(404);
  await http.get('/nowhere/2').expect(404);
  await eventually(async () => {
    const text = await daemon.registry.metrics();
    const counts = text
      .split('\n')
      .filter(line => line.startsWith('rollcall_http_request_seconds_count'));
    expect(counts).toEqual([
      'rollcall_http_request_seconds_count{route="/v1/services/:service/providers",method="GET",status="200"} 2',
      'rollcall_http_request_seconds_count{route="unmatched",method="GET",status="404"} 2',
    ]);
    expect(text).toContain('rollcall_http_lookups_total 2');
  });
});
