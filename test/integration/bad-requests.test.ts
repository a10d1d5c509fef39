import { Agent, request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { announce } from '../../src/registry/index.ts';
import { rawAnswer } from '../support/raw-answer.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { testSession } from '../support/session.ts';
import { ask, idsOf, startSystem, type System } from '../support/system.ts';
import { testServers } from '../support/zookeeper.ts';

const MIB = 1024 * 1024;
const LIST = '/v1/services/orders/providers';
const OVERRIDE = '/v1/services/orders/providers/one/override';

/** A daemon that lists one provider. */
async function daemon(): Promise<System> {
  const servers = await testServers();
  const session = await testSession(servers);
  const description = { id: 'one', service: 'orders', address: '10.0.0.5', port: 80 };
  const registration = await announce(session, description);
  onTestFinished(() => registration.close());
  const system = await startSystem(servers);
  await expect.poll(() => listed(system), { timeout: 10_000, interval: 20 }).toEqual(['one']);
  return system;
}

const listed = async (system: System): Promise<readonly string[]> =>
  idsOf((await system.providers('orders')).providers);

interface Garbage {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function send(url: string, garbage: Garbage, agent: Agent | false = false): Promise<Refusal> {
  const { hostname, port } = new URL(url);
  const { method = 'GET', path, headers = {}, body } = garbage;
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, method, path, headers, agent }, response => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

const put = (body: unknown, headers: Readonly<Record<string, string>> = {}): Garbage => ({
  method: 'PUT',
  path: OVERRIDE,
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const get = (path: string, headers: Readonly<Record<string, string>> = {}): Garbage => ({
  path,
  headers,
});

const refusals: readonly (readonly [
  what: string,
  garbage: Garbage,
  status: number,
  field?: string,
])[] = [
  ['an index that is no number', get(`${LIST}?index=abc`), 400, 'index'],
  ['a negative index', get(`${LIST}?index=-1`), 400, 'index'],
  ['an index with a fraction', get(`${LIST}?index=1.5`), 400, 'index'],
  ['an index of more than 64 bits', get(`${LIST}?index=9223372036854775808`), 400, 'index'],
  ['an index of a thousand digits', get(`${LIST}?index=${'9'.repeat(1_000)}`), 400, 'index'],
  ['an empty index', get(`${LIST}?index=`), 400, 'index'],
  ['two indexes', get(`${LIST}?index=1&index=2`), 400, 'index'],
  ['a wait without a unit', get(`${LIST}?index=1&wait=30`), 400, 'wait'],
  ['a wait for ever', get(`${LIST}?index=1&wait=forever`), 400, 'wait'],
  ['a parameter that is not known', get(`${LIST}?colour=red`), 400, 'colour'],
  ['a status that is not known', get(`${LIST}?status=asleep`), 400, 'status.0'],
  ['a limit of nothing', get(`${LIST}?limit=0`), 400, 'limit'],
  ['a service named ..', get('/v1/services/../providers'), 400, 'service'],
  ['a service named .. in disguise', get('/v1/services/%2e%2e/providers'), 400, 'service'],
  ['a service named .', get('/v1/services/./providers'), 400, 'service'],
  ['a slash in a service', get('/v1/services/a%2Fb/providers'), 400, 'service'],
  ['a zero byte in a service', get('/v1/services/a%00b/providers'), 400, 'service'],
  ['a service of 129 characters', get(`/v1/services/${'s'.repeat(129)}/providers`), 400, 'service'],
  ['a service of 1000 characters', get(`/v1/services/${'s'.repeat(1_000)}/providers`), 414],
  ['an encoding that is none', get('/v1/services/%zz/providers'), 400],
  ['bytes that are no UTF-8', get('/v1/services/%ff%fe/providers'), 400],
  ['an id named ..', get('/v1/explain/orders/..'), 400, 'id'],
  ['an explanation of a service named ..', get('/v1/explain/../one'), 400, 'service'],
  ['an explanation of .. in disguise', get('/v1/explain/%2e%2e/one'), 400, 'service'],
  ['an explanation of a slash in a service', get('/v1/explain/a%2Fb/one'), 400, 'service'],
  ['a stream from a bad id', get('/v1/watch', { 'last-event-id': 'abc' }), 400, 'Last-Event-ID'],
  ['a stream of a service named ..', get('/v1/watch?service=..'), 400, 'service.0'],
  ['a time that is none', get('/v1/history?since=yesterday'), 400, 'since'],
  ['headers of 20 KiB', get(LIST, { 'x-large': 'x'.repeat(20 * 1024) }), 431],
  ['a route that is not there', get('/v2/services'), 404],
  ['a method that is not for the route', { method: 'DELETE', path: LIST }, 405],
  ['an unknown field', put({ weight: 1, colour: 'red' }), 400, 'colour'],
  ['a weight in a text', put({ weight: '7' }), 400, 'weight'],
  ['a weight beyond 65535', put({ weight: 65_536 }), 400, 'weight'],
  ['an override of nothing', put({}), 400],
  ['a body that is a list', put([]), 400],
  ['a body that is null', put('null'), 400],
  ['a body that is no JSON', put('{"weight":'), 400],
  ['no body', put(''), 400],
  ['a body of another type', put('weight=1', { 'content-type': 'text/plain' }), 415],
  [
    'a body that nests 100 000 deep',
    put(`{"by":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    400,
  ],
  ['a prototype in the body', put('{"weight":1,"__proto__":{"drain":true}}'), 400, '__proto__'],
  [
    'a constructor in the body',
    put('{"weight":1,"constructor":{"prototype":{"drain":true}}}'),
    400,
    'constructor',
  ],
  ['a prototype in the query', get(`${LIST}?__proto__=1`), 400, '__proto__'],
  ['a field without a name', put({ weight: 1, '': 2 }), 400, '""'],
  ['a body that is packed', put({ weight: 1 }, { 'content-encoding': 'gzip' }), 415],
];

test('whatever is wrong with a request, the answer is a 4xx that says what', async () => {
  const system = await daemon();
  for (const [what, garbage, status, field] of refusals) {
    const answer = await send(system.url, garbage);
    expect(answer.status, `${what}: ${answer.text}`).toBe(status);
    expect(answer.headers['content-type'], what).toMatch(/^application\/problem\+json/);
    const problem: unknown = JSON.parse(answer.text);
    expect(problem, what).toMatchObject({ status, code: expect.stringMatching(/^[A-Z_]+$/) });
    if (field !== undefined) {
      expect(problem, what).toMatchObject({ errors: [expect.objectContaining({ field })] });
    }
  }
  expect(await listed(system)).toEqual(['one']);
  const { providers } = await system.providers('orders');
  expect(providers).toMatchObject([{ weight: 100, status: 'up' }]);
  expect(system.errors).toEqual([]);
});

const HEAD = `PUT ${OVERRIDE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n`;

function* chunked(bytes: number): Generator<string | Buffer> {
  yield `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    yield `${chunk.length.toString(16)}\r\n`;
    yield chunk;
    yield '\r\n';
  }
  yield '0\r\n\r\n';
}

test.each([
  ['with its length', [`${HEAD}Content-Length: ${2 * MIB}\r\n\r\n`, Buffer.alloc(2 * MIB, 'x')]],
  ['in chunks', [...chunked(2 * MIB)]],
  ['of a length that nobody sends', [`${HEAD}Content-Length: 999999999999\r\n\r\n`]],
])('a huge body %s is refused with 413, and the daemon goes on', async (_how, chunks) => {
  const system = await daemon();
  const text = await rawAnswer(system.url, chunks);
  expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect(text).toContain('"code":"BODY_TOO_LARGE"');
  expect(await listed(system)).toEqual(['one']);
  expect(system.errors).toEqual([]);
});

const REQUESTS = 20_000;
const CONNECTIONS = 32;

/** One of ever new refusals: no two alike, so that nothing can be kept for each. */
function anyGarbage(random: () => number): Garbage {
  const noise = Math.floor(random() * 2 ** 48).toString(36);
  const forms: readonly Garbage[] = [
    get(`${LIST}?index=${noise}x`),
    get(`${LIST}?${noise}=1`),
    get(`/v1/services/${noise}%2F/providers`),
    get(`/v1/services/${noise}/nothing`),
    get(`/${noise}`),
    get(`/v1/watch?service=..,${noise}`),
    get(`/v1/explain/${noise}/..`),
    get('/v1/watch', { 'last-event-id': noise }),
    { method: 'DELETE', path: `/v1/services/${noise}/providers` },
    put({ [noise]: 1 }),
    put(noise),
  ];
  return forms[Math.floor(random() * forms.length)] ?? get('/');
}

test('twenty thousand bad requests are all refused, and leave nothing behind', {
  timeout: 300_000,
}, async () => {
  const system = await daemon();
  const random = seededRandom(7);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  onTestFinished(() => agent.destroy());
  const statuses = new Map<number, number>();
  const flood = async (count: number): Promise<void> => {
    let left = count;
    const one = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const { status } = await send(system.url, anyGarbage(random), agent);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, one));
  };
  const series = async (): Promise<readonly string[]> =>
    (await ask(system.url, '/metrics')).text
      .split('\n')
      .filter(line => line.startsWith('rollcall_http_request_seconds_count{'))
      .map(line => line.slice(0, line.indexOf('}')))
      .filter(labels => !labels.includes('"/metrics"'));
  await flood(1_000);
  const before = await series();
  await flood(REQUESTS - 1_000);
  expect([...statuses.keys()].filter(status => status < 400 || status > 499)).toEqual([]);
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
  expect(await series()).toEqual(before);
  expect(before.length).toBeGreaterThan(5);
  expect(await listed(system)).toEqual(['one']);
  expect(await system.view()).toBe('live');
  expect(system.errors).toEqual([]);
});
