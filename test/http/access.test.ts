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

const withTokens = () => httpDaemon({ tokens: readTokens(TOKENS), openWrites: 'everybody' });

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
  await using closed = await httpDaemon({ openWrites: 'nobody' });
  const http = supertest(closed.url);
  await http.get('/v1/services').expect(200);
  const refused = await http.put(WRITE).send({ drain: true }).expect(403);
  expect(refused.body.code).toBe('FORBIDDEN');
  expect(refused.body.detail).toContain('--tokens');
  await using open = await httpDaemon({ openWrites: 'everybody' });
  await supertest(open.url).put(WRITE).send({ drain: true }).expect(200);
});

test('a route that is not there, or not for the method, is said without a token too', async () => {
  await using daemon = await withTokens();
  await supertest(daemon.url).get('/v1/nowhere').expect(404);
  await supertest(daemon.url).post('/v1/services').expect(405);
});

/** As a browser or a program would say it: the address that it meant, and the site that its page is of. */
const putAs = (url: string, host: string, origin?: string) => {
  const asking = supertest(url).put(WRITE).set('host', host);
  return origin === undefined ? asking : asking.set('origin', origin);
};

test.each([
  ['127.0.0.1:7070', undefined],
  ['127.1.2.3', undefined],
  ['LOCALHOST:7070', undefined],
  ['[::1]:7070', undefined],
  ['localhost:7070', 'http://localhost:7070'],
  ['127.0.0.1:7070', 'http://[::1]:5173'],
])('who asks for %s, on a page of %s, is on this machine and may write', async (host, origin) => {
  await using daemon = await httpDaemon({ openWrites: 'this-machine' });
  await putAs(daemon.url, host, origin).send({ drain: true }).expect(200);
});

test.each([
  ['a name that was made to mean 127.0.0.1', 'evil.example:7070', 'http://evil.example:7070'],
  ['such a name, without an Origin', 'evil.example', undefined],
  ['a name that begins like an address', '127.0.0.1.evil.example', undefined],
  ['a name that ends like localhost', 'evil-localhost:7070', undefined],
  ['another address', '10.0.0.5:7070', undefined],
  ['a page of another site', '127.0.0.1:7070', 'https://evil.example'],
  ['a page of a name that begins like ours', 'localhost:7070', 'http://localhost.evil.example'],
  ['a page that does not say whose it is', 'localhost:7070', 'null'],
])(
  'where this machine alone may write, %s may read and not write',
  async (_what, host, origin = '') => {
    await using daemon = await httpDaemon({ openWrites: 'this-machine' });
    daemon.aggregator.setService('orders', [{ id: 'o-1' }]);
    const said = origin === '' ? undefined : origin;
    const refused = await putAs(daemon.url, host, said).send({ drain: true }).expect(403);
    expect(refused.body).toMatchObject({
      code: 'FORBIDDEN',
      detail: expect.stringMatching(/names another: ask for 127\.0\.0\.1.*--tokens/),
    });
    await supertest(daemon.url).delete(WRITE).set('host', host).set('origin', origin).expect(403);
    expect(daemon.aggregator.overrides.size).toBe(0);
    await supertest(daemon.url).get('/v1/services').set('host', host).expect(200);
  },
);

test.each(['everybody', 'this-machine', 'nobody'] as const)(
  'whose token may write, writes under any name where %s would without',
  async openWrites => {
    await using daemon = await httpDaemon({ tokens: readTokens(TOKENS), openWrites });
    await putAs(daemon.url, 'registry.example', 'https://console.example')
      .set('authorization', 'Bearer secret-of-writer')
      .send({ drain: true })
      .expect(200);
  },
);

test('where everybody may write, the name does not matter', async () => {
  await using daemon = await httpDaemon({ openWrites: 'everybody' });
  await putAs(daemon.url, 'registry.example').send({ drain: true }).expect(200);
});
