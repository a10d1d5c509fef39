import { expect, test } from 'vitest';
import { layout } from '../../src/registry/index.ts';
import { eventually } from '../support/eventually.ts';
import { proxiedSession, testSession } from '../support/session.ts';
import { testReplica } from '../support/test-replica.ts';
import { changesBelow, childrenOf, provide } from '../support/znode-facts.ts';
import { testServers } from '../support/zookeeper.ts';

const where = layout();

test('a master that lives, deposed behind its back, is refused by ZooKeeper at its next derived write', async () => {
  const servers = await testServers();
  const administrator = await testSession(servers);
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 20_000 });
  const deposed = await testReplica(session, { id: 'deposed', everyMs: 2_000 });
  await provide(administrator, 'orders', 'o-1');
  await eventually(() => expect(deposed.derived().service('orders')?.counts.up).toBe(1));
  const [latch] = await childrenOf(administrator, where.election);
  const next = await testReplica(await testSession(servers), { id: 'next' });

  // It knows of a change, and is about to write it, when no answer reaches it any more.
  await provide(administrator, 'payments', 'p-1');
  await eventually(() => expect(deposed.view.service('payments').counts.up).toBe(1));
  proxy.pause('down');
  const sent = session.requestCounts['multi'] ?? 0;
  await administrator.remove(`${where.election}/${latch}`, -1);
  await eventually(() => expect(next.derived().overview?.by).toBe('next'));
  await eventually(() => expect(next.derived().service('payments')?.counts.up).toBe(1));
  await eventually(() => expect(session.requestCounts['multi']).toBeGreaterThan(sent));
  expect(await deposed.term()).toBeGreaterThan(0);
  expect(await deposed.writes()).toMatchObject({ fenced: 0 });
  const written = await changesBelow(administrator, where.derived);

  proxy.resume('down');
  await eventually(async () =>
    expect(await deposed.writes()).toMatchObject({ fenced: 1, error: 0 }),
  );
  await eventually(async () => expect(await deposed.term()).toBe(0));
  await eventually(() => expect(deposed.aggregators().master?.id).toBe('next'));
  expect(await changesBelow(administrator, where.derived)).toEqual(written);
});
