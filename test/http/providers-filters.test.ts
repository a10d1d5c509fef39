import supertest from 'supertest';
import { expect, test } from 'vitest';
import { type HttpDaemon, httpDaemon } from '../support/http-daemon.ts';

async function populated(): Promise<HttpDaemon> {
  const daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [
    { id: 'up-a', zone: 'a', tags: ['blue', 'big'], version: '1', protocol: 'http' },
    { id: 'up-b', zone: 'b', tags: ['blue'], version: '2', group: 'canary' },
    { id: 'sick', zone: 'a', healthy: false },
    { id: 'starting', status: 'starting' },
    { id: 'draining', status: 'draining', zone: 'a' },
    { id: 'down', status: 'down' },
  ]);
  daemon.aggregator.setSuspects('orders', [
    { id: 's-a', zone: 'a' },
    { id: 's-b', zone: 'b' },
  ]);
  return daemon;
}

const ids = (list: readonly { readonly id: string }[]): readonly string[] =>
  list.map(({ id }) => id);

test.each([
  ['', ['up-a', 'up-b']],
  ['include=down', ['down', 'up-a', 'up-b']],
  ['include=draining,starting', ['draining', 'starting', 'up-a', 'up-b']],
  ['include=draining&include=starting,down', ['down', 'draining', 'starting', 'up-a', 'up-b']],
  ['include=unhealthy', ['sick', 'up-a', 'up-b']],
  ['status=draining', ['draining']],
  ['status=draining,down', ['down', 'draining']],
  ['status=draining&include=up', ['draining', 'up-a', 'up-b']],
  ['zone=a', ['up-a']],
  ['zone=a,b', ['up-a', 'up-b']],
  ['zone=a&zone=b', ['up-a', 'up-b']],
  ['zone=a&include=draining,unhealthy', ['draining', 'sick', 'up-a']],
  ['tag=blue', ['up-a', 'up-b']],
  ['tag=blue,big', ['up-a']],
  ['tag=blue&tag=big', ['up-a']],
  ['version=2', ['up-b']],
  ['group=canary', ['up-b']],
  ['group=', ['up-a']],
  ['protocol=http', ['up-a']],
  ['zone=nowhere', []],
  ['zone=a&version=2', []],
])('the filter "%s" lists %j', async (query, expected) => {
  await using daemon = await populated();
  const answer = await supertest(daemon.url)
    .get(`/v1/services/orders/providers?${query}`)
    .expect(200);
  expect(ids(answer.body.providers)).toEqual(expected);
});

test('a filter by trait holds for the suspects too, one by status does not', async () => {
  await using daemon = await populated();
  const http = supertest(daemon.url);
  const byZone = await http.get('/v1/services/orders/providers?zone=a');
  expect(ids(byZone.body.suspects)).toEqual(['s-a']);
  const byStatus = await http.get('/v1/services/orders/providers?status=down');
  expect(ids(byStatus.body.suspects)).toEqual(['s-a', 's-b']);
});

test('pages join into the whole list, though a provider comes and goes in between', async () => {
  await using daemon = await httpDaemon();
  const http = supertest(daemon.url);
  const all = Array.from({ length: 25 }, (_, at) => ({ id: `p-${String(at).padStart(2, '0')}` }));
  daemon.aggregator.setService('orders', all);
  const seen: string[] = [];
  let after = '';
  for (let page = 0; page < 3; page += 1) {
    const { body } = await http.get(
      `/v1/services/orders/providers?limit=10${after === '' ? '' : `&after=${after}`}`,
    );
    seen.push(...ids(body.providers));
    after = body.next ?? '';
    // The one that was the page's last leaves: the next page goes on behind where it was.
    daemon.aggregator.setService('orders', [
      { id: 'p-00a' },
      ...all.filter(({ id }) => id !== after),
    ]);
  }
  expect(after).toBe('');
  expect(seen).toEqual(ids(all));
});

test.each([
  ['status=sleeping', 'status.0'],
  ['include=everything', 'include.0'],
  ['limit=0', 'limit'],
  ['limit=10001', 'limit'],
  ['limit=ten', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['after=a&after=b', 'after'],
  ['zon=a', 'zon'],
  ['__proto__=a', '__proto__'],
  [`tag=${'x'.repeat(257)}`, 'tag.0'],
  [`tag=${'x,'.repeat(65)}`, 'tag'],
  ['index=-1', 'index'],
  ['index=x', 'index'],
  ['index=1.5', 'index'],
  ['index=0x10', 'index'],
  ['index=9223372036854775808', 'index'],
  ['index=1&index=2', 'index'],
  ['index=', 'index'],
  ['index=1&wait=soon', 'wait'],
  ['index=1&wait=-1s', 'wait'],
  ['index=1&wait=10', 'wait'],
])('the query %s is refused, naming the parameter', async (query, field) => {
  await using daemon = await populated();
  const answer = await supertest(daemon.url)
    .get(`/v1/services/orders/providers?${query}`)
    .expect(400);
  expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ field }] });
  expect(answer.body.detail).toContain(field);
});

test('several mistakes are named in one answer', async () => {
  await using daemon = await populated();
  const answer = await supertest(daemon.url)
    .get('/v1/services/orders/providers?limit=0&index=x&colour=red')
    .expect(400);
  expect(answer.body.errors.map(({ field }: { field: string }) => field).toSorted()).toEqual([
    'colour',
    'index',
    'limit',
  ]);
});
