import supertest from 'supertest';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { httpDaemon } from '../support/http-daemon.ts';
import { rawAnswer } from '../support/raw-answer.ts';

const OVERRIDE = '/v1/services/orders/providers/o-1/override';

const head = (line: string, ...headers: readonly string[]): string =>
  [line, ...headers, '', ''].join('\r\n');

/** What must not be answered by Node itself: it gives a status, and says nothing. */
const ODD: readonly (readonly [what: string, request: string, status: number, problem: object])[] =
  [
    [
      'a request without Host',
      head('GET /v1/services?token=s3cret HTTP/1.1'),
      400,
      { instance: '/v1/services', errors: [{ field: 'Host' }] },
    ],
    [
      'one with two',
      head('GET /v1/services HTTP/1.1', 'Host: a', 'HOST: b'),
      400,
      { errors: [{ field: 'Host' }] },
    ],
    [
      'an expectation that nobody knows',
      head(`PUT ${OVERRIDE} HTTP/1.1`, 'Host: a', 'Expect: 200-ok', 'Content-Length: 10'),
      417,
      { instance: OVERRIDE, errors: [{ field: 'Expect' }] },
    ],
    ['the target *', head('GET * HTTP/1.1', 'Host: a'), 400, { instance: '*' }],
    ['a ping of the server', head('OPTIONS * HTTP/1.1', 'Host: a'), 400, { instance: '*' }],
    ['a target of another scheme', head('GET ftp://a/v1/services HTTP/1.1', 'Host: a'), 400, {}],
    [
      'a target without an authority',
      head('GET http:///docs HTTP/1.1', 'Host: a', 'Connection: close'),
      400,
      {},
    ],
    [
      'a tunnel',
      head('CONNECT example.com:443 HTTP/1.1', 'Host: a'),
      405,
      { code: 'METHOD_NOT_ALLOWED' },
    ],
  ];

test.each(ODD)('%s is refused with a problem that says why', async (_, request, status, more) => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
  const text = await rawAnswer(daemon.url, [request]);
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(text).toMatch(/^content-type: application\/problem\+json; charset=utf-8$/im);
  const problem: unknown = JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
  const errors = Object.hasOwn(more, 'errors') ? { errors: [expect.anything()] } : {};
  expect(problem).toMatchObject({ code: 'INVALID_REQUEST', status, ...errors, ...more });
  await supertest(daemon.url).get('/healthz').expect(200);
});

test('HTTP/1.0 needs no Host', async () => {
  await using daemon = await httpDaemon();
  const text = await rawAnswer(daemon.url, [head('GET /healthz HTTP/1.0')]);
  expect(text).toMatch(/^HTTP\/1.1 200 /);
});

test('an expectation that can be met is met', async () => {
  await using daemon = await httpDaemon();
  const request = head(
    `PUT ${OVERRIDE} HTTP/1.1`,
    ...['Host: localhost', 'Expect: 100-continue', 'Connection: close'],
    ...['Content-Type: application/json', 'Content-Length: 12'],
  );
  const text = await rawAnswer(daemon.url, [request, '{"weight":1}']);
  expect(text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /);
});

test.each([
  ['GET http://a.example/v1/services?limit=1 HTTP/1.1', 200, '"services":[{"name":"orders"'],
  ['GET HTTPS://a.example:7070/v1/services/orders/providers HTTP/1.1', 200, '"id":"o-1"'],
  ['GET http://a.example HTTP/1.1', 200, '<!doctype html>'],
  ['GET http://a.example/nowhere?x=1 HTTP/1.1', 404, '"instance":"/nowhere"'],
  ['DELETE http://a.example/v1/services HTTP/1.1', 405, '"instance":"/v1/services"'],
])('%s means the path in it', async (line, status, part) => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
  const text = await rawAnswer(daemon.url, [head(line, 'Host: a', 'Connection: close')]);
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(text).toContain(part);
});

test.each([
  ['a stream', '/v1/watch'],
  ['a held request', '/v1/services/orders/providers?index=9000&wait=5m'],
])(
  'what is no HTTP behind %s ends the connection, and is not answered in its place',
  async (_, path) => {
    await using daemon = await httpDaemon();
    daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
    const text = await rawAnswer(daemon.url, [
      head(`GET ${path} HTTP/1.1`, 'Host: a'),
      'garbage\r\n\r\n',
    ]);
    expect(text).not.toContain('INVALID_REQUEST');
    await eventually(() => expect(daemon.aggregator.listening).toBe(0));
    expect(daemon.aggregator.feed.subscribers).toBe(0);
  },
);

const PUT = head(
  `PUT ${OVERRIDE} HTTP/1.1`,
  ...['Host: localhost', 'Content-Type: application/json', 'Content-Length: 12'],
);

test.each([
  ['a write', `${PUT}{"weight":1}`],
  ['a page that is made in several turns', head('GET /metrics HTTP/1.1', 'Host: a')],
  [
    'an answer that waits for its turn',
    head('GET /v1/services/orders/providers?index=9000&wait=5m HTTP/1.1', 'Host: a') +
      head('GET /healthz HTTP/1.1', 'Host: a'),
  ],
])('what is no HTTP behind %s is not taken for its answer', async (_, requests) => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
  const text = await rawAnswer(daemon.url, [`${requests}garbage\r\n\r\n`]);
  expect(text).not.toContain('this is not HTTP/1.1');
});

test('what is no HTTP is refused behind an answer that was given', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
  const request = head('GET /v1/services/orders/providers HTTP/1.1', 'Host: a');
  const text = await rawAnswer(daemon.url, [`${request}garbage\r\n\r\n`]);
  expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
});
