import { expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/aggregator/ports.ts';
import { announce } from '../../src/registry/index.ts';
import type { Replica } from '../support/replica.ts';
import { eventually } from '../support/eventually.ts';
import { proxiedSession, testSession } from '../support/session.ts';
import { testReplica } from '../support/test-replica.ts';
import { provide } from '../support/znode-facts.ts';
import { testServers } from '../support/zookeeper.ts';

const listed = (replica: Replica, service: string, total: number): Promise<void> =>
  eventually(() => expect(replica.view.service(service).counts.total).toBe(total));

const lastLeft = (replica: Replica, id: string): HistoryEntry | undefined =>
  replica.history.query({ id, limit: 100 }).findLast(({ event }) => event === 'left');

test('a process that dies with one provider has crashed or expired', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  const process = await testSession(servers);
  await provide(process, 'orders', 'o-1');
  await listed(replica, 'orders', 1);
  // The end of a session is one and the same transaction, whether it was closed or expired.
  await process.close();
  await listed(replica, 'orders', 0);
  await eventually(() =>
    expect(replica.told).toEqual([{ id: 'o-1', cause: 'crashed-or-expired' }]),
  );
});

test('each provider of a process that dies has crashed, from the first on, however many there were and in whatever services', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  for (let round = 0; round < 5; round += 1) {
    const process = await testSession(servers);
    for (let at = 0; at < 12; at += 1)
      await provide(process, `service-${at % 4}`, `p-${round}-${at}`);
    for (const at of [0, 1, 2, 3]) await listed(replica, `service-${at}`, 3);
    await process.close();
    for (const at of [0, 1, 2, 3]) await listed(replica, `service-${at}`, 0);
  }
  const left = replica.history.query({ limit: 1_000 }).filter(({ event }) => event === 'left');
  expect(left).toHaveLength(60);
  expect(new Set(left.map(({ cause }) => cause))).toEqual(new Set(['crashed-or-expired']));
});

test('one of several nodes of a living session that goes was deleted by somebody else', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  const [process, administrator] = [await testSession(servers), await testSession(servers)];
  const path = await provide(process, 'orders', 'o-1');
  await provide(process, 'payments', 'p-1');
  await listed(replica, 'orders', 1);
  await listed(replica, 'payments', 1);
  await administrator.remove(path, -1);
  await listed(replica, 'orders', 0);
  await eventually(() => expect(replica.told).toEqual([{ id: 'o-1', cause: 'deleted-by-other' }]));
});

test('a provider whose only node was deleted and that announces itself again was not dead: its history is amended', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  const [process, administrator] = [await testSession(servers), await testSession(servers)];
  const registration = await announce(process, {
    id: 'o-1',
    service: 'orders',
    address: '10.0.0.5',
    port: 80,
  });
  await listed(replica, 'orders', 1);
  await administrator.remove(registration.path, -1);
  await eventually(() => expect(lastLeft(replica, 'o-1')).toBeDefined());
  await listed(replica, 'orders', 1);
  await eventually(() => expect(lastLeft(replica, 'o-1')?.cause).toBe('deleted-by-other'));
  expect(lastLeft(replica, 'o-1')?.detail).toContain('seen alive');
});

test('a provider that drained before it closed has deregistered', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  const process = await testSession(servers);
  const registration = await announce(process, {
    id: 'o-1',
    service: 'orders',
    address: '10.0.0.5',
    port: 80,
  });
  await listed(replica, 'orders', 1);
  await registration.drain();
  await eventually(() => expect(replica.view.service('orders').counts.draining).toBe(1));
  await registration.close();
  await listed(replica, 'orders', 0);
  await eventually(() => expect(replica.told).toEqual([{ id: 'o-1', cause: 'deregistered' }]));
});

test('what went while nobody could watch has vanished, unless it had drained', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 4_000 });
  const replica = await testReplica(session, { id: 'a' });
  const [dies, stays] = [await testSession(servers), await testSession(servers)];
  await provide(dies, 'orders', 'o-1');
  await provide(stays, 'orders', 'o-2');
  await listed(replica, 'orders', 2);
  await proxy.cut();
  await eventually(() => expect(replica.view.state.kind).toBe('stale'));
  await dies.close();
  await proxy.heal();
  await listed(replica, 'orders', 1);
  await eventually(() => expect(replica.told).toEqual([{ id: 'o-1', cause: 'vanished' }]));
});

test('a restarted provider that overlaps its dead self replaces it', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  const [before, after] = [await testSession(servers), await testSession(servers)];
  await provide(before, 'orders', 'o-1');
  await listed(replica, 'orders', 1);
  const path = await provide(after, 'orders', 'o-1');
  await eventually(() => expect(replica.view.service('orders').providers[0]?.znode).toBe(path));
  const left = (): readonly HistoryEntry[] =>
    replica.history.query({ id: 'o-1', limit: 9 }).filter(({ event }) => event === 'left');
  await eventually(() => expect(left()).toMatchObject([{ cause: 'replaced' }]));
  await before.close();
  await eventually(() => expect(replica.explain('orders', 'o-1').znodes).toHaveLength(1));
  expect(left()).toHaveLength(1);
  expect(replica.view.service('orders').counts.total).toBe(1);
});

test('a znode whose bytes are overwritten with something else was rejected', async () => {
  const servers = await testServers();
  const replica = await testReplica(await testSession(servers), { id: 'a' });
  const process = await testSession(servers);
  const path = await provide(process, 'orders', 'o-1');
  await listed(replica, 'orders', 1);
  await process.setData(path, Buffer.from('{"v":1,"id":"o-1"'), -1);
  await listed(replica, 'orders', 0);
  await eventually(() => expect(replica.told).toEqual([{ id: 'o-1', cause: 'rejected' }]));
});
