import supertest from 'supertest';
import { expect, test } from 'vitest';
import { createPicker } from '../../src/http/picker.ts';
import { fakeAggregator } from '../support/fake-aggregator.ts';
import { httpDaemon } from '../support/http-daemon.ts';
import { seededRandom } from '../support/seeded-random.ts';

const PATH = '/v1/services/orders/pick';

async function picks(url: string, query: string, times: number): Promise<Record<string, number>> {
  const http = supertest(url);
  const counts: Record<string, number> = {};
  for (let at = 0; at < times; at += 1) {
    const { body } = await http.get(`${PATH}?${query}`).expect(200);
    counts[body.id] = (counts[body.id] ?? 0) + 1;
  }
  return counts;
}

test('a pick is one provider, the whole record', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'o-1', metadata: { team: 'pay' } }], 101n);
  const answer = await supertest(daemon.url).get(PATH).expect(200);
  expect(answer.body).toMatchObject({ id: 'o-1', port: 8080, metadata: { team: 'pay' } });
  expect(answer.body.suspect).toBeUndefined();
  expect(answer.headers['x-rollcall-index']).toBe('101');
});

test('who weighs nothing, is not up, or fails the check is never picked', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [
    { id: 'idle', weight: 0 },
    { id: 'starting', status: 'starting' },
    { id: 'draining', status: 'draining' },
    { id: 'down', status: 'down' },
    { id: 'sick', healthy: false },
    { id: 'well' },
  ]);
  for (const strategy of ['random', 'round-robin', 'hash&key=k']) {
    expect(await picks(daemon.url, `strategy=${strategy}`, 20)).toEqual({ well: 20 });
  }
});

test('round robin goes round by weight, and goes on where it was when the list changes', async () => {
  await using daemon = await httpDaemon();
  const list = [
    { id: 'a', weight: 3 },
    { id: 'b', weight: 2 },
    { id: 'c', weight: 1 },
  ];
  daemon.aggregator.setService('orders', list);
  expect(await picks(daemon.url, 'strategy=round-robin', 12)).toEqual({ a: 6, b: 4, c: 2 });
  daemon.aggregator.setService('orders', list.slice(0, 2));
  expect(await picks(daemon.url, 'strategy=round-robin', 10)).toEqual({ a: 6, b: 4 });
});

test('each filter has a turn of its own', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [
    { id: 'a', zone: 'x' },
    { id: 'b', zone: 'x' },
    { id: 'c', zone: 'y' },
  ]);
  expect(await picks(daemon.url, 'strategy=round-robin&zone=x', 4)).toEqual({ a: 2, b: 2 });
  expect(await picks(daemon.url, 'strategy=round-robin&zone=y', 2)).toEqual({ c: 2 });
});

test('the same key goes to the same provider', async () => {
  await using daemon = await httpDaemon();
  const list = Array.from({ length: 20 }, (_, at) => ({ id: `p-${at}` }));
  daemon.aggregator.setService('orders', list);
  const [[first] = []] = Object.entries(
    await picks(daemon.url, 'strategy=hash&key=customer-17', 5),
  );
  daemon.aggregator.setService(
    'orders',
    list.filter(({ id }) => id === first || id < 'p-15'),
  );
  expect(await picks(daemon.url, 'strategy=hash&key=customer-17', 5)).toEqual({
    [String(first)]: 5,
  });
});

test('when nobody is left a suspect is picked, and said to be one', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'draining', status: 'draining' }]);
  daemon.aggregator.setSuspects('orders', [
    { id: 's-1', zone: 'a' },
    { id: 's-2', zone: 'b' },
  ]);
  const answer = await supertest(daemon.url).get(`${PATH}?zone=b`).expect(200);
  expect(answer.body).toMatchObject({ id: 's-2', suspect: true, reason: '8 of 10 vanished' });
  daemon.aggregator.setService('orders', [{ id: 'back', zone: 'b' }]);
  const after = await supertest(daemon.url).get(`${PATH}?zone=b`).expect(200);
  expect(after.body.id).toBe('back');
  expect(after.body.suspect).toBeUndefined();
});

test('when there is not even a suspect, the answer is 503', async () => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'a', zone: 'x' }], 101n);
  const http = supertest(daemon.url);
  for (const path of [`${PATH}?zone=y`, '/v1/services/nobody/pick']) {
    const answer = await http.get(path).expect(503);
    expect(answer.body.code).toBe('NO_PROVIDER');
    expect(answer.headers).toMatchObject({ 'retry-after': '1', 'x-rollcall-view': 'live' });
    expect(answer.headers['x-rollcall-index']).toBeDefined();
  }
});

test.each([
  ['strategy=best', 'strategy'],
  ['strategy=hash', 'key'],
  ['key=', 'key'],
  [`key=${'x'.repeat(1_025)}`, 'key'],
  ['status=down', 'status'],
  ['index=1', 'index'],
])('a pick with %.20s is refused, naming %s', async (query, field) => {
  await using daemon = await httpDaemon();
  daemon.aggregator.setService('orders', [{ id: 'a' }]);
  const answer = await supertest(daemon.url).get(`${PATH}?${query}`).expect(400);
  expect(answer.body.errors[0].field).toBe(field);
});

test('chance follows the weights', () => {
  const aggregator = fakeAggregator();
  aggregator.setService('orders', [
    { id: 'a', weight: 75 },
    { id: 'b', weight: 25 },
  ]);
  const picker = createPicker(seededRandom(7));
  const snapshot = aggregator.view.service('orders');
  let ofA = 0;
  for (let at = 0; at < 4_000; at += 1) {
    const picked = picker.pick(snapshot, { filter: {}, strategy: 'random' });
    if (picked?.provider.id === 'a') ofA += 1;
  }
  expect(ofA / 4_000).toBeCloseTo(0.75, 1);
});

test('a filter that nobody asked for in a while begins anew', () => {
  const aggregator = fakeAggregator();
  aggregator.setService('orders', [{ id: 'a' }, { id: 'b' }]);
  const picker = createPicker(() => 0);
  const pick = (tag: readonly string[] | undefined): string | undefined =>
    picker.pick(aggregator.view.service('orders'), {
      filter: tag === undefined ? {} : { version: ['', ...tag] },
      strategy: 'round-robin',
    })?.provider.id;
  expect(pick(undefined)).toBe('a');
  for (let at = 0; at < 1_024; at += 1) pick([`v-${at}`]);
  expect(pick(undefined)).toBe('a');
  expect(pick(undefined)).toBe('b');
});
