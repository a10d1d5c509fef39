import { Validator } from '@seriousme/openapi-schema-validator';
import { Gauge } from 'prom-client';
import supertest from 'supertest';
import { expect, test } from 'vitest';
import { ReadyAnswer } from '../../src/http/schemas/answers.ts';
import { httpDaemon } from '../support/http-daemon.ts';

interface Document {
  readonly paths: Record<
    string,
    Record<
      string,
      {
        readonly operationId: string;
        readonly responses: object;
        readonly parameters: readonly { readonly name: string; readonly schema: object }[];
      }
    >
  >;
  readonly components: {
    readonly schemas: Record<string, { readonly required?: readonly string[] }>;
  };
}

test('the OpenAPI document is valid', async () => {
  await using daemon = await httpDaemon();
  const answer = await supertest(daemon.url).get('/openapi.json').expect(200);
  expect(answer.headers['content-type']).toContain('application/json');
  const validator = new Validator();
  expect(await validator.validate(answer.body)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  expect(answer.body.info.version).toBe('1.2.3');
});

test('every reference of the OpenAPI document leads somewhere, and every id is its own', async () => {
  await using daemon = await httpDaemon();
  const { body, text } = await supertest(daemon.url).get('/openapi.json');
  const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) =>
    path.split('/'),
  );
  expect(references.length).toBeGreaterThan(20);
  for (const path of references) {
    const found = path.reduce<unknown>((at, part) => Object(at)[part], body);
    expect(found, path.join('/')).toBeDefined();
  }
  const document: Document = body;
  const ids = Object.values(document.paths).flatMap(methods =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(15);
});

test('the OpenAPI document names what is there: routes, parameters, schemas', async () => {
  await using daemon = await httpDaemon();
  const document: Document = (await supertest(daemon.url).get('/openapi.json')).body;
  expect(Object.keys(document.paths).toSorted()).toEqual([
    '/',
    '/docs',
    '/healthz',
    '/metrics',
    '/openapi.json',
    '/readyz',
    '/v1/aggregators',
    '/v1/explain/{service}/{id}',
    '/v1/history',
    '/v1/overview',
    '/v1/services',
    '/v1/services/{service}',
    '/v1/services/{service}/consumers',
    '/v1/services/{service}/pick',
    '/v1/services/{service}/providers',
    '/v1/services/{service}/providers/{id}/override',
    '/v1/topology',
    '/v1/watch',
  ]);
  const list = document.paths['/v1/services/{service}/providers']?.['get'];
  expect(list?.parameters).toContainEqual(
    expect.objectContaining({
      name: 'status',
      in: 'query',
      explode: true,
      schema: expect.objectContaining({
        type: 'array',
        items: { type: 'string', enum: ['starting', 'up', 'draining', 'down'] },
      }),
    }),
  );
  expect(Object.keys(list?.responses ?? {})).toEqual(['200', '304', '400', '401', '403', '503']);
  expect(document.components.schemas['Provider']?.required).toContain('znode');
});

test('the OpenAPI document promises the headers that are sent, and no others', async () => {
  await using daemon = await httpDaemon();
  const { body } = await supertest(daemon.url).get('/openapi.json');
  const headersOf = (path: string, method: string): readonly string[] =>
    Object.keys(body.paths[path][method].responses['200'].headers ?? {});
  expect(headersOf('/v1/watch', 'get')).toEqual(['X-Rollcall-Index', 'X-Rollcall-View']);
  expect(headersOf('/v1/services/{service}/providers/{id}/override', 'put')).toEqual([
    'X-Rollcall-Index',
  ]);
  expect(headersOf('/v1/services', 'get')).toContain('ETag');
  expect(headersOf('/healthz', 'get')).toEqual([]);
  expect(body.paths['/v1/watch'].get.parameters).toContainEqual({
    $ref: '#/components/parameters/LastEventId',
  });
});

test.each(['/', '/docs'])(
  'the page %s needs nothing from elsewhere, and runs no script',
  async path => {
    await using daemon = await httpDaemon();
    const answer = await supertest(daemon.url).get(path).expect(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.text).toMatch(/^<!doctype html>/);
    expect(answer.text).not.toMatch(/<script|src=|<link|@import|url\(/);
  },
);

test('the docs list every route with its parameters and an example, and every code', async () => {
  await using daemon = await httpDaemon();
  const { text } = await supertest(daemon.url).get('/docs');
  const document: Document = (await supertest(daemon.url).get('/openapi.json')).body;
  for (const methods of Object.values(document.paths)) {
    for (const { operationId, parameters } of Object.values(methods)) {
      expect(text).toContain(`<h3 id="${operationId}">`);
      for (const { name } of parameters.filter(parameter => 'name' in parameter)) {
        expect(text).toContain(`<code>${name}</code>`);
      }
    }
  }
  expect(text).toContain('id="VIEW_SYNCING"');
  expect(text).toContain('curl -N');
  expect(text).toContain('Hold the request until');
  expect(text).toContain('{&quot;drain&quot;:true');
});

test('metrics are the exposition that was handed in', async () => {
  await using daemon = await httpDaemon();
  new Gauge({ name: 'rollcall_test', help: 'A test.', registers: [daemon.registry] }).set(7);
  const answer = await supertest(daemon.url).get('/metrics?x=1').expect(200);
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(answer.text).toContain('rollcall_test 7');
  expect(answer.text).toContain('# TYPE rollcall_http_request_seconds histogram');
});

test('the process is alive, whatever the view', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setState({ kind: 'syncing' });
  const answer = await supertest(daemon.url).get('/healthz?probe=1').expect(200);
  expect(answer.body).toEqual({ status: 'ok', version: '1.2.3' });
});

test('ready means one complete view; a stale one is ready, and said', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  daemon.aggregator.setState({ kind: 'syncing' });
  const early = await http.get('/readyz').expect(503);
  expect(early.body).toMatchObject({
    code: 'VIEW_SYNCING',
    ready: false,
    detail: 'view: no complete view of ZooKeeper yet',
    checks: [
      { name: 'view', ready: false },
      { name: 'lifecycle', ready: true },
    ],
  });
  daemon.aggregator.setState({ kind: 'live' });
  const live = await http.get('/readyz').expect(200);
  expect(ReadyAnswer.parse(live.body)).toMatchObject({ ready: true, view: 'live' });
  daemon.aggregator.setState({ kind: 'stale', sinceWallMs: 0 });
  const stale = await http.get('/readyz').expect(200);
  expect(ReadyAnswer.parse(stale.body)).toMatchObject({
    view: 'stale',
    staleSince: '1970-01-01T00:00:00.000Z',
  });
});
