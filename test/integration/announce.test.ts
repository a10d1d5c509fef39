import { expect, test } from 'vitest';
import {
  announce,
  announceConsumer,
  type ProofEvent,
  type ProviderDescription,
  type ProviderRecord,
  readProvider,
} from '../../src/registry/index.ts';
import { type ManualClock, manualClock } from '../../src/testing/index.ts';
import { permission, type Session } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { createsOf, proxiedSession, testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

const orders: ProviderDescription = {
  id: 'orders-1',
  service: 'orders',
  address: '10.0.0.5',
  port: 8080,
};
const directory = '/rollcall/services/orders/providers';

async function names(session: Session, path = directory): Promise<readonly string[]> {
  return (await session.getChildren(path)).children;
}

async function recordAt(session: Session, path: string): Promise<ProviderRecord> {
  const parsed = readProvider((await session.getData(path)).data);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.record;
}

async function onlyNode(
  session: Session,
): Promise<{ readonly path: string; readonly owner: bigint; readonly record: ProviderRecord }> {
  const children = await names(session);
  expect(children).toHaveLength(1);
  const path = `${directory}/${children[0]}`;
  const { stat } = await session.getData(path);
  return { path, owner: stat.ephemeralOwner, record: await recordAt(session, path) };
}

/** Lets the time of `clock` go on until `work` is done: only then does what lasts for a time last until the test has looked at it. */
async function passing(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  let isDone = false;
  void work.finally(() => (isDone = true)).catch(() => undefined);
  await eventually(async () => {
    await clock.advance(100);
    expect(isDone).toBe(true);
  });
  await work;
}

test('announcing makes one ephemeral node that carries the whole record', async () => {
  const session = await testSession(await testServers());
  await using registration = await announce(session, { ...orders, region: 'eu' });
  const found = await onlyNode(session);
  expect(found.owner).toBe(session.sessionId);
  expect(found.path).toBe(registration.path);
  expect(found.path).toMatch(/\/[0-9a-f-]{36}-\d{10}$/);
  expect(found.record).toEqual(registration.record);
  expect(found.record).toMatchObject({ v: 1, status: 'up', weight: 100, region: 'eu' });
  expect(registration.proof.state).toBe('proven');
  expect(registration.proof.lastProofWallMs).toBeGreaterThan(0);
});

test('a record that does not parse is refused before anything is written', async () => {
  const session = await testSession(await testServers());
  await expect(announce(session, { ...orders, port: 99_999 })).rejects.toMatchObject({
    code: 'INVALID_RECORD',
    message: expect.stringContaining('port'),
  });
  expect(await session.exists('/rollcall')).toBeUndefined();
});

test('a node that somebody deletes is made again, once', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const other = await testSession(servers);
  const events: ProofEvent[] = [];
  await using registration = await announce(session, orders, {
    onProof: event => events.push(event),
  });
  const first = registration.path;
  await other.remove(first, -1);
  await eventually(() => expect(events.map(({ kind }) => kind)).toContain('recreated'));
  await eventually(() => expect(registration.proof.state).toBe('proven'));
  const found = await onlyNode(other);
  expect(found.path).not.toBe(first);
  expect(found.path).toBe(registration.path);
  expect(found.owner).toBe(session.sessionId);
});

test('a node is made again also when the whole service directory was deleted', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const other = await testSession(servers);
  await using registration = await announce(session, orders);
  await other
    .transaction()
    .remove(registration.path, -1)
    .remove(directory, -1)
    .remove('/rollcall/services/orders', -1)
    .commit();
  await eventually(async () => expect(await names(other)).toHaveLength(1));
});

test('a node that another session took over is replaced, and only ours stands', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const thief = await testSession(servers);
  const events: ProofEvent[] = [];
  await using registration = await announce(session, orders, {
    onProof: event => events.push(event),
  });
  await thief
    .transaction()
    .remove(registration.path, -1)
    .create(registration.path, Buffer.from('{}'), { mode: 'ephemeral' })
    .commit();
  await eventually(() => expect(events.map(({ kind }) => kind)).toContain('replaced'));
  await eventually(async () => expect((await onlyNode(thief)).owner).toBe(session.sessionId));
  expect((await onlyNode(thief)).record).toEqual(registration.record);
});

test('what a foreign writer puts into the node is set right', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const other = await testSession(servers);
  const events: ProofEvent[] = [];
  await using registration = await announce(session, orders, {
    onProof: event => events.push(event),
  });
  await other.setData(registration.path, Buffer.from('{"weight":1}'), -1);
  await eventually(async () =>
    expect(await recordAt(other, registration.path)).toEqual(registration.record),
  );
  await eventually(() => expect(events.at(-1)?.kind).toBe('proven'));
  expect(events.map(({ kind }) => kind)).toContain('restored');
});

test('after its session expired a provider is there exactly once, under the new session', async () => {
  const servers = await testServers();
  const { session, expire } = await proxiedSession(servers);
  const other = await testSession(servers);
  await using registration = await announce(session, orders);
  const before = session.sessionId;
  const creates = createsOf(session);
  await expire();
  await eventually(() => expect(registration.proof.state).toBe('proven'));
  const found = await onlyNode(other);
  expect(session.sessionId).not.toBe(before);
  expect(found.owner).toBe(session.sessionId);
  expect(createsOf(session) - creates).toBe(2); // the canary's and ours
});

test('updates reach the node, and the last one wins', async () => {
  const session = await testSession(await testServers());
  await using registration = await announce(session, orders);
  await Promise.all([
    registration.update({ weight: 10 }),
    registration.update({ weight: 20, tags: ['canary'] }),
    registration.update({ metadata: { load: '3' } }),
  ]);
  expect(registration.record).toMatchObject({
    weight: 20,
    tags: ['canary'],
    metadata: { load: '3' },
  });
  expect((await onlyNode(session)).record).toEqual(registration.record);
  await expect(registration.update({ weight: -1 })).rejects.toMatchObject({
    code: 'INVALID_RECORD',
  });
  expect(registration.record.weight).toBe(20);
});

test('after an interruption the same node is proven anew, and nothing is created', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 10_000 });
  await using registration = await announce(session, orders);
  const { path } = registration;
  const creates = createsOf(session);
  await proxy.cut();
  await eventually(() => expect(registration.proof.state).toBe('unproven'));
  await proxy.heal();
  await eventually(() => expect(registration.proof.state).toBe('proven'));
  expect(registration.path).toBe(path);
  expect(createsOf(session)).toBe(creates);
});

test('an update made while ZooKeeper is away is applied when it is back', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 10_000 });
  const other = await testSession(servers);
  await using registration = await announce(session, orders);
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'));
  expect(registration.proof.state).toBe('unproven');
  const updated = registration.update({ weight: 7 });
  await proxy.heal();
  await updated;
  expect(await recordAt(other, registration.path)).toMatchObject({ weight: 7 });
});

test('draining stays listed, closing says draining before the node goes', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const other = await testSession(servers);
  const clock = manualClock();
  const registration = await announce(session, orders, { drainMs: 300, clock });
  await using second = await announce(session, { ...orders, id: 'orders-2' });
  await second.drain();
  expect(await recordAt(other, second.path)).toMatchObject({ status: 'draining' });
  const closed = registration.close();
  await eventually(async () =>
    expect(await recordAt(other, registration.path)).toMatchObject({ status: 'draining' }),
  );
  await passing(clock, closed);
  expect(await other.exists(registration.path)).toBeUndefined();
  await registration.close();
  await expect(registration.update({ weight: 1 })).rejects.toMatchObject({
    code: 'SESSION_CLOSED',
  });
  expect(registration.proof.state).toBe('closed');
});

test('where the server refuses the deletion, a provider leaves by saying down', async () => {
  const session = await testSession(await testServers());
  const createAndRead = permission.create | permission.read;
  const registration = await announce(session, orders, {
    directoryAcl: [{ permissions: createAndRead, scheme: 'world', id: 'anyone' }],
  });
  await registration.close();
  expect(await recordAt(session, registration.path)).toMatchObject({ status: 'down' });
});

test('the node carries the access list that was asked for', async () => {
  const session = await testSession(await testServers(), {
    auth: [{ scheme: 'digest', credentials: 'orders:secret' }],
  });
  const acl = [
    { permissions: permission.read, scheme: 'world', id: 'anyone' },
    { permissions: permission.all, scheme: 'auth', id: '' },
  ];
  await using registration = await announce(session, orders, { acl });
  const found = await session.getAcl(registration.path);
  expect(found.acl).toContainEqual({ permissions: permission.read, scheme: 'world', id: 'anyone' });
  expect(found.acl).toContainEqual(expect.objectContaining({ scheme: 'digest' }));
  await registration.update({ weight: 3 });
});

test('giving up while ZooKeeper is away rejects with the reason, and leaves nothing behind', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 10_000 });
  const other = await testSession(servers);
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'));
  const givingUp = new AbortController();
  const announced = announce(session, orders, { signal: givingUp.signal });
  givingUp.abort(new Error('enough'));
  await expect(announced).rejects.toThrow('enough');
  await proxy.heal();
  await session.connected();
  await session.sync('/');
  expect(await other.exists('/rollcall')).toBeUndefined();
});

test('giving up before the proof takes the node away again', async () => {
  const session = await testSession(await testServers());
  const givingUp = new AbortController();
  const onProof = ({ kind }: ProofEvent): void => {
    if (kind === 'created') givingUp.abort(new Error('enough'));
  };
  await expect(announce(session, orders, { signal: givingUp.signal, onProof })).rejects.toThrow(
    'enough',
  );
  expect(await names(session)).toEqual([]);
});

test('closing while ZooKeeper is away ends in time, and the node goes when it is back', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 20_000 });
  const other = await testSession(servers);
  const registration = await announce(session, orders, { closeWithinMs: 50 });
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'));
  await registration.close();
  expect(await other.exists(registration.path)).toBeDefined();
  await proxy.heal();
  await eventually(async () => expect(await other.exists(registration.path)).toBeUndefined());
});

test('a draining that is still on its way when the provider closes is said all the same', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 20_000 });
  const other = await testSession(servers);
  const clock = manualClock();
  const options = { closeWithinMs: 50, drainMs: 1_000, clock };
  const registration = await announce(session, orders, options);
  await proxy.cut();
  await eventually(() => expect(session.state.kind).toBe('suspended'));
  const drained = expect(registration.drain()).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
  await passing(clock, registration.close());
  await drained;
  await proxy.heal();
  await eventually(async () => {
    await clock.advance(10);
    expect(await recordAt(other, registration.path)).toMatchObject({ status: 'draining' });
  });
  await eventually(async () => {
    await clock.advance(100);
    expect(await other.exists(registration.path)).toBeUndefined();
  });
});

test('now and then a provider looks at its node though nothing called for it', async () => {
  const session = await testSession(await testServers());
  const clock = manualClock();
  await using registration = await announce(session, orders, { clock, random: () => 0.5 });
  const first = registration.proof.lastProofWallMs ?? 0;
  await clock.advance(59_999);
  expect(registration.proof.lastProofWallMs).toBe(first);
  await clock.advance(1);
  await eventually(() => expect(registration.proof.lastProofWallMs).toBe(first + 60_000));
});

test('a provider whose session was closed says that its proof is closed', async () => {
  const session = await testSession(await testServers());
  const registration = await announce(session, orders);
  await session.close();
  expect(registration.proof.state).toBe('closed');
  await registration.close();
});

test('a consumer is announced beside the providers, proven alike, and gone when closed', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const other = await testSession(servers);
  const consumer = await announceConsumer(session, {
    id: 'checkout-1',
    service: 'orders',
    consumer: 'checkout',
  });
  const consumers = '/rollcall/services/orders/consumers';
  const before = await names(other, consumers);
  expect(before).toHaveLength(1);
  await other.remove(consumer.path, -1);
  await eventually(async () => {
    const after = await names(other, consumers);
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
  });
  await consumer.close();
  expect(await names(other, consumers)).toEqual([]);
});
