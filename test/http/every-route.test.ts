import supertest from 'supertest';
import { expect, test } from 'vitest';
import { announce } from '../../src/registry/index.ts';
import { testSession } from '../support/session.ts';
import { sseClient } from '../support/sse-client.ts';
import { startSystem } from '../support/system.ts';
import { testServers } from '../support/zookeeper.ts';

interface Sample {
  readonly path: string;
  readonly body?: object;
  readonly status: number;
}

/** One request of each operation, in an order in which each finds what it needs. What is missing here, or is no route, fails the test. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  'GET /': { path: '/', status: 200 },
  'GET /docs': { path: '/docs', status: 200 },
  'GET /healthz': { path: '/healthz', status: 200 },
  'GET /metrics': { path: '/metrics', status: 200 },
  'GET /openapi.json': { path: '/openapi.json', status: 200 },
  'GET /readyz': { path: '/readyz', status: 200 },
  'GET /v1/aggregators': { path: '/v1/aggregators', status: 200 },
  'GET /v1/explain/{service}/{id}': { path: '/v1/explain/orders/o-1', status: 200 },
  'GET /v1/history': { path: '/v1/history?service=orders&limit=5', status: 200 },
  'GET /v1/overview': { path: '/v1/overview', status: 200 },
  'GET /v1/services': { path: '/v1/services?prefix=o', status: 200 },
  'GET /v1/services/{service}': { path: '/v1/services/orders', status: 200 },
  'GET /v1/services/{service}/consumers': { path: '/v1/services/orders/consumers', status: 200 },
  'GET /v1/services/{service}/pick': { path: '/v1/services/orders/pick', status: 200 },
  'GET /v1/services/{service}/providers': { path: '/v1/services/orders/providers', status: 200 },
  'PUT /v1/services/{service}/providers/{id}/override': {
    path: '/v1/services/orders/providers/o-1/override',
    body: { weight: 7, by: 'ann' },
    status: 200,
  },
  'DELETE /v1/services/{service}/providers/{id}/override': {
    path: '/v1/services/orders/providers/o-1/override',
    status: 204,
  },
  'GET /v1/topology': { path: '/v1/topology', status: 200 },
};

/** Answers that go on for as long as one listens: a client of their own reads them. */
const STREAMS: Readonly<Record<string, string>> = { 'GET /v1/watch': '/v1/watch?service=orders' };

test('every route that the document names answers on a whole replica, as the document says', async () => {
  const servers = await testServers();
  const system = await startSystem(servers);
  const session = await testSession(servers);
  const provider = { id: 'o-1', service: 'orders', address: '10.0.0.5', port: 80 };
  await using _registration = await announce(session, provider);
  await expect.poll(async () => (await system.providers('orders')).providers.length).toBe(1);

  const http = supertest(system.url);
  const { body: document } = await http.get('/openapi.json').expect(200);
  const documented: Record<string, { readonly responses: object }> = {};
  for (const [path, methods] of Object.entries<Record<string, { readonly responses: object }>>(
    document.paths,
  )) {
    for (const [method, operation] of Object.entries(methods))
      documented[`${method.toUpperCase()} ${path}`] = operation;
  }
  const sampled = [...Object.keys(SAMPLES), ...Object.keys(STREAMS)];
  expect(sampled.toSorted()).toEqual(Object.keys(documented).toSorted());

  for (const [operation, { path, body, status }] of Object.entries(SAMPLES)) {
    const method = operation.split(' ')[0];
    const asked =
      method === 'GET' ? http.get(path) : method === 'PUT' ? http.put(path) : http.delete(path);
    const answer = await (body === undefined ? asked : asked.send(body));
    expect([operation, answer.status]).toEqual([operation, status]);
    expect(documented[operation]?.responses).toHaveProperty(String(status));
  }
  for (const path of Object.values(STREAMS)) {
    await using stream = await sseClient(`${system.url}${path}`);
    await expect.poll(() => stream.messages.map(({ event }) => event)).toContain('snapshot');
  }
});
