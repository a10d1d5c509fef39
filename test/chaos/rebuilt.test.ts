import { expect, onTestFinished } from 'vitest';
import { announce, layout } from '../../src/registry/index.ts';
import { startZooKeeper } from '../../src/testing/index.ts';
import { openSession } from '../../src/zookeeper/index.ts';
import { realOnly } from '../support/own-zookeeper.ts';
import { testSession } from '../support/session.ts';
import { idsOf, startSystem } from '../support/system.ts';

const BEFORE = 200;

realOnly('the zxids of an embedded server begin with the clock: a new one is never behind')(
  'an ensemble rebuilt from nothing is followed from its beginning, and old indexes are void',
  async () => {
    const first = await startZooKeeper();
    onTestFinished(() => first.close());
    const [server] = first.servers;
    const servers = first.connectString;
    const port = Number(servers.slice(servers.lastIndexOf(':') + 1));
    const system = await startSystem(servers, { timeoutMs: 3_000 });
    const provider = await openSession({ servers, timeoutMs: 3_000 });
    onTestFinished(() => provider.close());
    await provider.connected();
    const record = { v: 1, service: 'orders', id: 'orders-1', address: '127.0.0.1', port: 8080 };
    const registration = await announce(provider, record);
    onTestFinished(() => registration.close());
    for (let weight = 1; weight <= BEFORE; weight += 1) await registration.update({ weight });
    await expect
      .poll(async () => (await system.providers('orders')).providers[0]?.weight)
      .toBe(BEFORE);
    const before = await system.providers('orders');

    await first.close();
    expect(server?.running).toBe(false);
    const second = await startZooKeeper({ port });
    onTestFinished(() => second.close());
    expect(second.connectString).toBe(servers);

    const patience = { timeout: 60_000, interval: 100 };
    await expect.poll(() => system.view(), patience).toBe('live');
    await expect
      .poll(async () => idsOf((await system.providers('orders')).providers), patience)
      .toEqual(['orders-1']);
    await using reader = await testSession(servers);
    const { children } = await reader.getChildren(layout().providers('orders'));
    expect(children).toHaveLength(1);
    const after = await system.providers('orders');
    expect(BigInt(after.index)).toBeLessThan(BigInt(before.index));
    const held = await system.get(`/v1/services/orders/providers?index=${before.index}&wait=50ms`);
    expect(held.headers['x-rollcall-reset']).toBe('true');
    await registration.update({ weight: 7 });
    await expect
      .poll(async () => (await system.providers('orders')).providers[0]?.weight, patience)
      .toBe(7);
  },
);
