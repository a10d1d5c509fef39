import { createHash } from 'node:crypto';
import supertest from 'supertest';
import { expect, test } from 'vitest';
import { readTokens } from '../../src/http/index.ts';
import { httpDaemon } from '../support/http-daemon.ts';

const sha256 = createHash('sha256').update('secret-of-root').digest('hex');
const TOKENS = `
- name: reader
  role: read
  token: secret-of-reader
- { name: writer, role: write, token: secret-of-writer }
- { name: root, role: admin, sha256: ${sha256} }
`;
const WRITE = '/v1/services/orders/providers/o-1/override';
const READS = [
  '/v1/services',
  '/v1/services/orders/providers',
  '/v1/services/orders/pick',
  '/v1/explain/orders/o-1',
  '/v1/history',
  '/v1/watch',
  '/metrics',
];
const OPEN = ['/', '/healthz', '/readyz', '/docs', '/openapi.json'];

const withTokens = () => httpDaemon({ tokens: readTokens(TOKENS), openWrites: true });

test.each(READS)('with tokens nobody reads %s without one', async path => {
  await using daemon = await withTokens();
  const http = supertest(daemon.url);
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer wrong-token',
    'Basic c2VjcmV0',
    'secret-of-reader',
  ]) {
    const asking = http.get(path);
    if (header !== undefined) void asking.set('authorization', header);
    const answer = await asking.expect(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="rollcall"');
    expect(answer.body).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(answer.text).not.toContain('secret');
  }
});

test.each(OPEN)('with tokens %s stays open', async path => {
  await using daemon = await withTokens();
  await supertest(daemon.url).get(path).expect(200);
});

test('a token may do what its role may, and what the roles below it may', async () => {
  await using daemon = await withTokens();
  const http = supertest(daemon.url);
  const as = (name: string): [string, string] => ['authorization', `bearer secret-of-${name}`];
  for (const name of ['reader', 'writer', 'root']) {
    await http
      .get('/v1/services')
      .set(...as(name))
      .expect(200);
  }
  const refused = await http
    .put(WRITE)
    .set(...as('reader'))
    .send({ drain: true })
    .expect(403);
  expect(refused.body).toMatchObject({
    code: 'FORBIDDEN',
    detail: 'the token of reader has the role read; this needs write',
  });
  await http
    .delete(WRITE)
    .set(...as('reader'))
    .expect(403);
  expect(daemon.aggregator.overrides.size).toBe(0);
  await http
    .put(WRITE)
    .set(...as('writer'))
    .send({ drain: true })
    .expect(200);
  await http
    .delete(WRITE)
    .set(...as('root'))
    .expect(204);
});

test('who may not write is told before the body is looked at', async () => {
  await using daemon = await withTokens();
  await supertest(daemon.url)
    .put(WRITE)
    .set('content-type', 'application/json')
    .send('{"broken')
    .expect(401);
});

test('without tokens reading is open, and writing only when it was meant so', async () => {
  await using closed = await httpDaemon({ openWrites: false });
  const http = supertest(closed.url);
  await http.get('/v1/services').expect(200);
  const refused = await http.put(WRITE).send({ drain: true }).expect(403);
  expect(refused.body.code).toBe('FORBIDDEN');
  expect(refused.body.detail).toContain('--tokens');
  await using open = await httpDaemon({ openWrites: true });
  await supertest(open.url).put(WRITE).send({ drain: true }).expect(200);
});

test('a route that is not there, or not for the method, is said without a token too', async () => {
  await using daemon = await withTokens();
  await supertest(daemon.url).get('/v1/nowhere').expect(404);
  await supertest(daemon.url).post('/v1/services').expect(405);
});
