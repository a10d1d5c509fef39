import { mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Logger } from '../../src/kernel/log.ts';
import {
  announce,
  encodeOverride,
  layout,
  makeProvider,
  type ProviderDescription,
  type Registration,
  subscribe,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvent,
} from '../../src/registry/index.ts';
import { manualClock, type ManualClock } from '../../src/testing/index.ts';
import { openSession, type Session } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { proxiedSession, testSession } from '../support/session.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { testServers } from '../support/zookeeper.ts';

const provider = (id: string, more: Partial<ProviderDescription> = {}): ProviderDescription => ({
  id,
  service: 'orders',
  address: '10.0.0.5',
  port: 8080,
  ...more,
});

interface Watched {
  readonly subscription: Subscription;
  readonly events: SubscriptionEvent[];
  /** `joined a`, `left b`, …: the differences since the last call. */
  told(): readonly string[];
}

function subscribed(
  session: Session,
  options: SubscribeOptions = {},
  services: string | readonly string[] = 'orders',
): Watched {
  const subscription = subscribe(session, services, options);
  onTestFinished(() => subscription.close());
  const events: SubscriptionEvent[] = [];
  subscription.onEvent(event => events.push(event));
  let read = 0;
  const told = (): readonly string[] => {
    const fresh = events.slice(read);
    read = events.length;
    return fresh.flatMap(event =>
      'provider' in event ? [`${event.type} ${event.provider.id}`] : [],
    );
  };
  return { subscription, events, told };
}

const ids = (subscription: Subscription): readonly string[] =>
  subscription.providers().map(({ id }) => id);

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function collectingLogger(): { readonly logger: Logger; readonly warnings: string[] } {
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  return {
    warnings,
    logger: {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (_, text) => void warnings.push(text),
    },
  };
}

test('a subscriber gets the whole set first, then each difference', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const others = await testSession(servers);
  const a = await announce(others, provider('a'));
  const { subscription, events, told } = subscribed(session);
  await subscription.ready();
  expect(events[0]).toMatchObject({ type: 'set', service: 'orders', providers: [{ id: 'a' }] });
  expect(subscription.state.kind).toBe('live');
  told();
  const b = await announce(others, provider('b'));
  await eventually(() => expect(ids(subscription)).toEqual(['a', 'b']));
  await b.update({ weight: 7 });
  await eventually(() => expect(subscription.providers()[1]?.weight).toBe(7));
  await a.close();
  await eventually(() => expect(ids(subscription)).toEqual(['b']));
  expect(told().filter(text => text !== 'changed a')).toEqual(['joined b', 'changed b', 'left a']);
});

test('a service that nobody provides is live and empty, and says that there is nobody to pick', async () => {
  const session = await testSession(await testServers());
  const { subscription, events } = subscribed(session);
  expect(() => subscription.pick()).toThrow(expect.objectContaining({ code: 'VIEW_SYNCING' }));
  await subscription.ready();
  expect(events[0]).toEqual({ type: 'set', service: 'orders', providers: [] });
  expect(() => subscription.pick()).toThrow(expect.objectContaining({ code: 'NO_PROVIDER' }));
  await announce(session, provider('a'));
  await eventually(() =>
    expect(subscription.pick()).toMatchObject({ provider: { id: 'a' }, suspect: false }),
  );
});

test('several services are told apart, and each has to be named', async () => {
  const session = await testSession(await testServers());
  await announce(session, provider('a'));
  await announce(session, provider('b', { service: 'stock' }));
  const { subscription } = subscribed(session, {}, ['orders', 'stock']);
  await subscription.ready();
  expect(subscription.providers('stock')).toMatchObject([{ id: 'b' }]);
  expect(subscription.pick({ service: 'orders' }).provider.id).toBe('a');
  for (const service of [undefined, 'other']) {
    expect(() => subscription.providers(service)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  }
  expect(() => subscribe(session, '..')).toThrow(
    expect.objectContaining({ code: 'INVALID_REQUEST' }),
  );
});

test('what an operator overrides is merged in, and taken back', async () => {
  const session = await testSession(await testServers());
  await announce(session, provider('a:b'));
  const { subscription } = subscribed(session);
  await subscription.ready();
  const path = layout().override('orders', 'a:b');
  await session.ensurePath(path);
  await session.setData(path, encodeOverride({ weight: 3, drain: true }), -1);
  await eventually(() =>
    expect(subscription.providers()).toMatchObject([{ weight: 3, status: 'draining' }]),
  );
  expect(() => subscription.pick()).toThrow(expect.objectContaining({ code: 'NO_PROVIDER' }));
  await session.remove(path, -1);
  await eventually(() =>
    expect(subscription.providers()).toMatchObject([{ weight: 100, status: 'up' }]),
  );
});

test('a record that cannot be read is skipped and told of, and harms nobody else', async () => {
  const session = await testSession(await testServers());
  const rejected: string[] = [];
  await announce(session, provider('a'));
  const { subscription } = subscribed(session, {
    onRejected: ({ reason }) => rejected.push(reason),
  });
  await subscription.ready();
  const bad = async (data: Buffer): Promise<void> =>
    void (await session.create(`${layout().providers('orders')}/bad-`, data, {
      mode: 'ephemeral-sequential',
    }));
  await bad(Buffer.from('{"v":1,'));
  await bad(
    Buffer.from(JSON.stringify({ ...makeProvider({ v: 1, ...provider('x') }), status: 'unknown' })),
  );
  await bad(Buffer.alloc(70_000, ' '));
  await eventually(() => expect(rejected).toEqual(['not-json', 'invalid', 'too-large']));
  expect(ids(subscription)).toEqual(['a']);
});

test('whoever is told of rejected records and throws loses nothing of what comes with them', async () => {
  const session = await testSession(await testServers());
  const directory = layout().providers('orders');
  await session.ensurePath(directory);
  for (const name of ['0', 'z']) await session.create(`${directory}/${name}`, Buffer.from('{'));
  for (const id of ['a', 'b', 'c']) await announce(session, provider(id));
  const { logger, warnings } = collectingLogger();
  const { subscription } = subscribed(session, {
    logger,
    onRejected() {
      throw new Error('a slip');
    },
  });
  await subscription.ready();
  expect(ids(subscription)).toEqual(['a', 'b', 'c']);
  expect(warnings).toHaveLength(2);
});

test('of two nodes with one id the younger speaks, and the older takes over when it goes', async () => {
  const session = await testSession(await testServers());
  const old = await announce(session, provider('a', { version: 'old' }));
  const young = await announce(session, provider('a', { version: 'young' }));
  const { subscription, told } = subscribed(session);
  await subscription.ready();
  expect(subscription.providers()).toMatchObject([{ version: 'young' }]);
  told();
  await young.close();
  await eventually(() => expect(subscription.providers()).toMatchObject([{ version: 'old' }]));
  expect(new Set(told())).toEqual(new Set(['changed a']));
  await old.close();
  await eventually(() => expect(ids(subscription)).toEqual([]));
});

test('while ZooKeeper is away it goes on serving, says so, and comes back with the differences alone', async () => {
  const servers = await testServers();
  const others = await testSession(servers);
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 10_000 });
  const a = await announce(others, provider('a'));
  await announce(others, provider('b'));
  const { subscription, told } = subscribed(session);
  await subscription.ready();
  told();
  await proxy.cut();
  await eventually(() => expect(subscription.state.kind).toBe('stale'));
  expect(ids(subscription)).toEqual(['a', 'b']);
  expect(subscription.pick().suspect).toBe(false);
  await a.close();
  await announce(others, provider('c'));
  await proxy.heal();
  await eventually(() => expect(subscription.state.kind).toBe('live'));
  expect(ids(subscription)).toEqual(['b', 'c']);
  expect(told()).toEqual(expect.arrayContaining(['joined c', 'left a']));
  expect(told()).not.toContain('changed b');
});

test('with a snapshot a consumer starts while ZooKeeper is down, and later learns what has changed', async () => {
  const servers = await testServers();
  const others = await testSession(servers);
  const file = join(await temporaryFolder(), 'orders.json');
  const a = await announce(others, provider('a'));
  await announce(others, provider('b'));
  const before = subscribe(others, 'orders', { snapshotFile: file });
  await before.ready();
  await before.close();
  await a.close();

  const { session, proxy } = await proxiedSession(servers);
  await proxy.cut();
  await session.close();
  const late = await openSession({
    servers: `${proxy.address}${servers.slice(servers.indexOf('/'))}`,
    timeoutMs: 2_000,
  });
  onTestFinished(() => late.close());
  const { subscription, events, told } = subscribed(late, { snapshotFile: file });
  await subscription.ready();
  expect(subscription.state).toMatchObject({ kind: 'snapshot', savedAtWallMs: expect.any(Number) });
  expect(ids(subscription)).toEqual(['a', 'b']);
  expect(subscription.pick().suspect).toBe(false);
  told();
  await proxy.heal();
  await eventually(() => expect(subscription.state.kind).toBe('live'));
  expect(told()).toEqual(['left a']);
  expect(events.filter(({ type }) => type === 'set')).toHaveLength(1);
  expect(subscription.suspects()).toEqual([]);
});

test('a snapshot that is broken, of another root, or missing is ignored', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  await announce(session, provider('a'));
  const folder = await temporaryFolder();
  const { logger, warnings } = collectingLogger();
  const good = join(folder, 'good.json');
  const first = subscribe(session, 'orders', { snapshotFile: good });
  await first.ready();
  await first.close();
  const content = await readFile(good, 'utf8');
  const files = {
    'cut.json': content.slice(0, -20),
    'root.json': content.replace('"/rollcall"', '"/other"'),
    'empty.json': '',
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await writeFile(path, text);
    const { subscription, events } = subscribed(session, { snapshotFile: path, logger });
    await subscription.ready();
    await eventually(() => expect(subscription.state.kind).toBe('live'));
    expect(events.map(event => event.type === 'state' && event.state.kind)).not.toContain(
      'snapshot',
    );
    await subscription.close();
    expect(await readFile(path, 'utf8')).toContain('"a"');
  }
  expect(warnings).toHaveLength(3);
  const { subscription } = subscribed(session, {
    snapshotFile: join(folder, 'missing.json'),
    logger,
  });
  await subscription.ready();
  expect(warnings).toHaveLength(3);
  expect((await readdir(folder)).filter(name => name.endsWith('.tmp'))).toEqual([]);
});

test('what is no regular file is never read as a snapshot, nor put out of the way by one', async () => {
  const session = await testSession(await testServers());
  await announce(session, provider('a'));
  const path = join(await temporaryFolder(), 'device.json');
  await symlink('/dev/null', path);
  const { logger, warnings } = collectingLogger();
  const { subscription } = subscribed(session, { snapshotFile: path, logger });
  await subscription.ready();
  await eventually(() => expect(subscription.state.kind).toBe('live'));
  await subscription.close();
  expect(await readlink(path)).toBe('/dev/null');
  expect(warnings).toHaveLength(2);
});

/** Ten providers of as many sessions, and a subscriber whose clock stands. */
async function tenProviders(): Promise<{
  readonly watched: Watched;
  readonly clock: ManualClock;
  readonly registrations: readonly Registration[];
  readonly servers: string;
  /** Their sessions end without a word, all at once. */
  crash(count: number): Promise<void>;
}> {
  const servers = await testServers();
  const clock = manualClock();
  const sessions = await Promise.all(Array.from({ length: 10 }, () => testSession(servers)));
  const registrations = await Promise.all(
    sessions.map((session, index) => announce(session, provider(`p${index}`))),
  );
  const watched = subscribed(await testSession(servers), { clock, random: seededRandom(1) });
  await watched.subscription.ready();
  const crash = async (count: number): Promise<void> =>
    void (await Promise.all(sessions.slice(0, count).map(session => session.close())));
  return { watched, clock, registrations, crash, servers };
}

test('one provider that is killed alone is simply gone', async () => {
  const { watched, crash } = await tenProviders();
  await crash(1);
  await eventually(() => expect(ids(watched.subscription)).toHaveLength(9));
  expect(watched.subscription.suspects()).toEqual([]);
});

test('when all are killed at one moment they are suspects, picked and named as such, until the hold lapses', async () => {
  const { watched, clock, crash } = await tenProviders();
  const { subscription, events } = watched;
  await crash(10);
  await eventually(() => expect(ids(subscription)).toEqual([]));
  expect(subscription.suspects()).toHaveLength(10);
  expect(subscription.pick()).toMatchObject({ suspect: true });
  expect(subscription.pick({ strategy: 'hash', key: 'x' }).suspect).toBe(true);
  await clock.advance(29_999);
  expect(subscription.pick().suspect).toBe(true);
  await clock.advance(1);
  expect(subscription.suspects()).toEqual([]);
  expect(() => subscription.pick()).toThrow(expect.objectContaining({ code: 'NO_PROVIDER' }));
  expect(events.filter(({ type }) => type === 'suspects').at(-1)).toMatchObject({ suspects: [] });
});

test('listed providers are picked before suspects, and a suspect that comes back is none', async () => {
  const { watched, crash, servers } = await tenProviders();
  const { subscription } = watched;
  await crash(8);
  await eventually(() => expect(subscription.suspects()).toHaveLength(8));
  expect(ids(subscription)).toEqual(['p8', 'p9']);
  expect(subscription.pick()).toMatchObject({ suspect: false });
  await announce(await testSession(servers), provider('p0'));
  await eventually(() => expect(ids(subscription)).toEqual(['p0', 'p8', 'p9']));
  expect(subscription.suspects().map(({ id }) => id)).not.toContain('p0');
});

test('providers that drained before they went are never suspects', async () => {
  const { watched, registrations } = await tenProviders();
  await Promise.all(registrations.map(registration => registration.drain()));
  await eventually(() =>
    expect(watched.subscription.providers().every(({ status }) => status === 'draining')).toBe(
      true,
    ),
  );
  await Promise.all(registrations.map(registration => registration.close()));
  await eventually(() => expect(ids(watched.subscription)).toEqual([]));
  expect(watched.subscription.suspects()).toEqual([]);
});

test('closing a subscription leaves the session open', async () => {
  const session = await testSession(await testServers());
  const subscription = subscribe(session, 'orders');
  await subscription.close();
  await expect(subscription.ready()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  expect(await session.exists('/')).toBeDefined();
});
