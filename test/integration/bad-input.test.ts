import { expect, test } from 'vitest';
import { announce, layout } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { testSession } from '../support/session.ts';
import { idsOf, startSystem, type System } from '../support/system.ts';
import { testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 30_000, interval: 20 };
const where = layout();
const directory = where.providers('orders');
const good = { v: 1, service: 'orders', address: '10.0.0.5', port: 80 };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

type Reason = 'not-json' | 'invalid' | 'too-large' | 'name';

/** What is wrong, the bytes, and how it is counted. The id that they name, if any, is what it is explained by. */
const garbage: readonly (readonly [what: string, bytes: Buffer, reason: Reason])[] = [
  ['broken', Buffer.from('{"v":1,"id":"broken","service":"orders"'), 'not-json'],
  ['empty', Buffer.alloc(0), 'not-json'],
  [
    'binary',
    Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 131) % 256)),
    'not-json',
  ],
  ['html', Buffer.from('<html>"id":"html"</html>'), 'not-json'],
  ['null', Buffer.from('null'), 'invalid'],
  ['list', json([{ ...good, id: 'list' }]), 'invalid'],
  ['number', Buffer.from('1e999'), 'invalid'],
  ['text-port', json({ ...good, id: 'text-port', port: '80' }), 'invalid'],
  ['far-port', json({ ...good, id: 'far-port', port: 70_000 }), 'invalid'],
  ['no-address', json({ ...good, id: 'no-address', address: undefined }), 'invalid'],
  ['no-version', json({ ...good, id: 'no-version', v: undefined }), 'invalid'],
  ['version-zero', json({ ...good, id: 'version-zero', v: 0 }), 'invalid'],
  ['asleep', json({ ...good, id: 'asleep', status: 'asleep' }), 'invalid'],
  ['tag-object', json({ ...good, id: 'tag-object', tags: { a: 1 } }), 'invalid'],
  ['heavy', json({ ...good, id: 'heavy', weight: -1 }), 'invalid'],
  ['id-number', json({ ...good, id: 7 }), 'invalid'],
  ['id-slash', json({ ...good, id: 'a/b' }), 'invalid'],
  ['id-control', json({ ...good, id: 'a\u0000b' }), 'invalid'],
  ['id-dots', json({ ...good, id: '..' }), 'invalid'],
  ['service-dots', json({ ...good, id: 'service-dots', service: '..' }), 'invalid'],
  [
    'too-many-tags',
    json({ ...good, id: 'too-many-tags', tags: Array.from({ length: 257 }, () => 't') }),
    'invalid',
  ],
  [
    'deep',
    Buffer.from(
      `{"v":1,"id":"deep","service":"orders","address":"a","port":1,"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    ),
    'invalid',
  ],
  ['large', json({ ...good, id: 'large', metadata: { a: 'x'.repeat(64 * 1024) } }), 'too-large'],
  [
    'huge',
    json({ ...good, id: 'huge', tags: Array.from({ length: 100_000 }, (_, at) => `t${at}`) }),
    'too-large',
  ],
];

const GOOD_IDS = Array.from({ length: 10 }, (_, index) => `good-${index}`);

const put = async (session: Session, name: string, bytes: Buffer): Promise<string> =>
  (await session.create(`${directory}/${name}-`, bytes, { mode: 'ephemeral-sequential' })).path;

/** Ten good ones with every kind of garbage among them. Returns where the garbage lies. */
async function mixture(session: Session): Promise<ReadonlyMap<string, string>> {
  await session.ensurePath(directory);
  const paths = new Map<string, string>();
  for (const [index, [what, bytes]] of garbage.entries()) {
    const id = GOOD_IDS[index];
    if (id !== undefined) await put(session, id, json({ ...good, id }));
    paths.set(what, await put(session, what, bytes));
  }
  return paths;
}

const listed = async (system: System): Promise<readonly string[]> =>
  idsOf((await system.providers('orders')).providers);

const rejectedAs = (system: System, reason: Reason): Promise<number | undefined> =>
  system.metric(`rollcall_records_rejected_total{reason="${reason}"}`);

const REASONS: readonly Reason[] = ['not-json', 'invalid', 'too-large', 'name'];

async function rejections(system: System): Promise<Readonly<Record<string, number | undefined>>> {
  const counted = REASONS.map(async reason => [reason, await rejectedAs(system, reason)] as const);
  return Object.fromEntries(await Promise.all(counted));
}

const expectedRejections = Object.fromEntries(
  REASONS.map(reason => [reason, garbage.filter(each => each[2] === reason).length]),
);

/** The daemon is up, its view live, and it still follows what happens. */
async function goesOn(system: System, session: Session): Promise<void> {
  const before = await listed(system);
  const provider = { id: 'zz-afterwards', service: 'orders', address: '10.0.0.6', port: 81 };
  const registration = await announce(session, provider);
  await expect.poll(() => listed(system), WAIT).toEqual([...before, 'zz-afterwards']);
  await registration.close();
  await expect.poll(() => listed(system), WAIT).toEqual(before);
  expect(await system.view()).toBe('live');
  expect(system.errors).toEqual([]);
}

async function isExplained(
  system: System,
  what: string,
  path: string,
  reason: Reason,
): Promise<void> {
  const name = path.slice(directory.length + 1);
  const { status, json: body, text } = await system.get(`/v1/explain/orders/${name}`);
  expect(status, text).toBe(200);
  expect(body, what).toMatchObject({
    listed: false,
    provider: null,
    znodes: [{ znode: path, verdict: 'rejected', detail: expect.stringContaining(`${reason}: `) }],
  });
}

test.each(['before it starts', 'while it runs'])(
  'garbage that comes %s costs no good provider, is counted and explained',
  async when => {
    const servers = await testServers();
    const writer = await testSession(servers);
    const early = when === 'before it starts' ? await mixture(writer) : undefined;
    const system = await startSystem(servers);
    const paths = early ?? (await mixture(writer));
    await expect.poll(() => rejections(system), WAIT).toEqual(expectedRejections);
    await expect.poll(() => listed(system), WAIT).toEqual(GOOD_IDS);
    for (const [what, , reason] of garbage) {
      await isExplained(system, what, paths.get(what) ?? '', reason);
    }
    const named = await system.get('/v1/explain/orders/asleep');
    expect(named.json).toMatchObject({
      listed: false,
      reasons: [expect.stringContaining('status')],
      znodes: [{ verdict: 'rejected' }],
    });
    await goesOn(system, writer);
  },
);

test('garbage that is set right is listed, and a good record that turns into garbage is not', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  await writer.ensurePath(directory);
  const path = await put(writer, 'one', Buffer.from('{'));
  const system = await startSystem(servers);
  expect(await listed(system)).toEqual([]);
  await writer.setData(path, json({ ...good, id: 'one' }), -1);
  await expect.poll(() => listed(system), WAIT).toEqual(['one']);
  await writer.setData(path, Buffer.from('{'), -1);
  await expect.poll(() => listed(system), WAIT).toEqual([]);
  const { json: history } = await system.get('/v1/history?service=orders');
  expect(history).toMatchObject({
    entries: expect.arrayContaining([
      expect.objectContaining({ event: 'left', cause: 'rejected' }),
    ]),
  });
  expect((await system.providers('orders')).suspects).toEqual([]);
  await goesOn(system, writer);
});

test('two thousand garbage nodes at once beside ten good ones cost none of them', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  await writer.ensurePath(directory);
  const system = await startSystem(servers);
  const small = garbage.map(([, bytes]) => bytes).filter(({ length }) => length < 64 * 1024);
  const many = Array.from({ length: 2_000 }, (_, index) =>
    put(writer, `garbage-${index}`, small[index % small.length] ?? Buffer.alloc(0)),
  );
  await Promise.all([
    ...many.slice(0, 1_000),
    ...GOOD_IDS.map(id => put(writer, id, json({ ...good, id }))),
    ...many.slice(1_000),
  ]);
  await expect.poll(() => listed(system), WAIT).toEqual(GOOD_IDS);
  const total = async (): Promise<number> =>
    Object.values(await rejections(system)).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  await expect.poll(total, WAIT).toBe(2_000);
  await goesOn(system, writer);
});

test('odd records that hold all they must are listed, and harm nobody', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  await writer.ensurePath(directory);
  const system = await startSystem(servers);
  const text = (fields: string): Buffer =>
    Buffer.from(`{"v":1,"service":"orders","address":"10.0.0.5","port":80,${fields}}`);
  const odd: readonly (readonly [id: string, bytes: Buffer])[] = [
    ['elsewhere', json({ ...good, id: 'elsewhere', service: 'payments' })],
    [
      'posing',
      json({
        ...good,
        id: 'posing',
        weight: 65_535,
        znode: '/x',
        czxid: 7,
        suspect: true,
        healthy: 'no',
        override: 1,
      }),
    ],
    [
      'proto',
      text('"id":"proto","__proto__":{"port":1},"metadata":{"__proto__":"x","constructor":"y"}'),
    ],
    ['twice', text('"id":"first","id":"twice"')],
    ['in the fÿld 名', json({ ...good, id: 'in the fÿld 名' })],
  ];
  const paths: string[] = [];
  for (const [, bytes] of odd) paths.push(await put(writer, 'odd', bytes));
  const ids = odd.map(([id]) => id).sort((a, b) => (a < b ? -1 : 1));
  await expect.poll(() => listed(system), WAIT).toEqual(ids);
  const { providers } = await system.providers('orders');
  expect(providers.find(({ id }) => id === 'posing')).toMatchObject({ znode: paths[1] });
  expect(providers.find(({ id }) => id === 'proto')).toMatchObject({ port: 80 });
  expect((await system.providers('payments')).providers).toEqual([]);
  for (let turn = 0; turn < 20; turn += 1) {
    const { status, json: picked } = await system.get('/v1/services/orders/pick');
    expect(status).toBe(200);
    expect(picked).not.toHaveProperty('suspect');
  }
  await goesOn(system, writer);
});

test('what lies where no record should be is left alone', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  await writer.ensurePath(directory);
  const nested = `${directory}/nested-0000000001`;
  await writer.create(nested, json({ ...good, id: 'nested' }));
  await writer.create(`${nested}/child`, Buffer.from('{'));
  await writer.create(`${nested}/child/grandchild`, json({ ...good, id: 'grandchild' }));
  const refused = ['bad name', 'ünïcode', 'a,b', 'x'.repeat(129)];
  for (const name of refused) {
    await writer.ensurePath(`${where.services}/${name}/providers`);
    await writer.create(
      `${where.services}/${name}/providers/p-0000000000`,
      json({ ...good, id: 'p' }),
    );
  }
  await writer.ensurePath(`${where.services}/orders/somethings/else`);
  await put(writer, 'good', json({ ...good, id: 'good' }));
  const system = await startSystem(servers);
  await expect.poll(() => listed(system), WAIT).toEqual(['good', 'nested']);
  await expect.poll(() => rejectedAs(system, 'name'), WAIT).toBe(refused.length);
  expect((await system.get('/v1/services')).json).toMatchObject({ services: [{ name: 'orders' }] });
  await writer.create(`${nested}/late`, Buffer.from('late'));
  await writer.ensurePath(`${where.services}/also bad/providers`);
  await writer.create(
    `${where.services}/also bad/providers/p-0000000000`,
    json({ ...good, id: 'p' }),
  );
  await expect.poll(() => rejectedAs(system, 'name'), WAIT).toBe(refused.length + 1);
  await goesOn(system, writer);
});

test('garbage among consumers, overrides, members, latches and derived nodes is passed over', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  const bytes = Buffer.from([0, 255, 123, 34, 1]);
  const places = [
    `${where.consumers('orders')}/c-0000000000`,
    where.override('orders', 'one'),
    `${where.overrides}/bad name/one`,
    `${where.overrides}/orders/%zz`,
    `${where.members}/garbage`,
    `${where.election}/garbage`,
    `${where.derived}/overview`,
    `${where.derived}/summaries/1-0`,
    `${where.derived}/summaries/garbage`,
    `${where.root}/something/else`,
  ];
  for (const path of places) {
    await writer.ensurePath(path.slice(0, path.lastIndexOf('/')));
    await writer.create(path, bytes);
  }
  await writer.ensurePath(directory);
  await put(writer, 'one', json({ ...good, id: 'one' }));
  const system = await startSystem(servers);
  await expect.poll(() => listed(system), WAIT).toEqual(['one']);
  for (const path of ['/v1/services/orders/consumers', '/v1/topology', '/v1/explain/orders/one']) {
    expect(await system.get(path)).toMatchObject({ status: 200 });
  }
  await expect
    .poll(async () => (await system.get('/v1/aggregators')).json, WAIT)
    .toMatchObject({ self: system.id, master: { id: system.id }, members: [{ id: system.id }] });
  await expect
    .poll(async () => (await system.get('/v1/overview')).json, WAIT)
    .toMatchObject({ by: system.id, totals: { providers: 1 } });
  for (const path of places.slice(0, -1)) await writer.setData(path, Buffer.from('[]'), -1);
  await goesOn(system, writer);
});
