import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { type Aggregator, openAggregator } from '../../src/aggregator/index.ts';
import { prepareTree } from '../../src/daemon/prepare-tree.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { layout } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { proxiedSession, testSession } from '../support/session.ts';
import { childrenOf, provide } from '../support/znode-facts.ts';
import { testServers } from '../support/zookeeper.ts';

const where = layout();

async function aggregatorOn(session: Session): Promise<Aggregator> {
  const [clock, random, logger] = [systemClock, systemRandom, silentLogger];
  const { signal } = new AbortController();
  await prepareTree({ session, where, clock, random, logger, signal });
  const aggregator = await openAggregator({
    session,
    id: 'replica',
    address: '127.0.0.1:7070',
    version: '1.0.0',
    registry: new Registry(),
    auditEveryMs: 0,
  });
  onTestFinished(() => aggregator.close());
  await aggregator.view.ready();
  return aggregator;
}

test('an override shows in the view when its write has resolved, over and over, and so does its end', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const aggregator = await aggregatorOn(session);
  const { view } = aggregator;
  await provide(await testSession(servers), 'orders', 'a ?#ü');
  await eventually(() => expect(view.service('orders').counts.up).toBe(1));
  const id = view.service('orders').providers[0]?.id ?? '';
  for (let weight = 1; weight <= 5; weight += 1) {
    const { index } = await aggregator.putOverride('orders', id, { weight, by: 'ann' });
    expect(view.service('orders').index).toBeGreaterThanOrEqual(index);
    expect(view.service('orders').providers[0]?.record.weight).toBe(weight);
  }
  await aggregator.putOverride('orders', id, { drain: true });
  expect(view.service('orders').counts).toMatchObject({ up: 0, draining: 1 });
  expect(aggregator.explain('orders', id).override).toEqual({ drain: true });
  expect(await aggregator.deleteOverride('orders', id)).toBe(true);
  expect(view.service('orders').providers[0]?.record.weight).toBe(100);
  expect(await aggregator.deleteOverride('orders', id)).toBe(false);
});

test('an override that is none is refused before anything is written', async () => {
  const session = await testSession(await testServers());
  const aggregator = await aggregatorOn(session);
  const refused = { code: 'INVALID_REQUEST' };
  await expect(aggregator.putOverride('orders', 'a', { weight: -1 })).rejects.toMatchObject(
    refused,
  );
  await expect(aggregator.putOverride('..', 'a', {})).rejects.toMatchObject(refused);
  await expect(aggregator.putOverride('orders', 'a/b', {})).rejects.toMatchObject(refused);
  expect(await childrenOf(session, where.overrides)).toEqual([]);
});

test('while ZooKeeper is away an override is refused, and the view goes on answering', async () => {
  const servers = await testServers();
  const { session, proxy } = await proxiedSession(servers);
  const aggregator = await aggregatorOn(session);
  await provide(await testSession(servers), 'orders', 'a');
  await eventually(() => expect(aggregator.view.service('orders').counts.up).toBe(1));
  await proxy.cut();
  await eventually(() => expect(aggregator.view.state.kind).toBe('stale'));
  await expect(aggregator.putOverride('orders', 'a', { drain: true })).rejects.toMatchObject({
    code: 'ZOOKEEPER_UNAVAILABLE',
  });
  expect(aggregator.view.service('orders').counts.up).toBe(1);
  await proxy.heal();
  await eventually(() => expect(aggregator.view.state.kind).toBe('live'));
});

test('who closes an aggregator ends its subscriptions, and takes it from the members', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const aggregator = await aggregatorOn(session);
  const ends: string[] = [];
  aggregator.feed.subscribe({ onBatch: () => true, onEnd: reason => ends.push(reason) });
  await eventually(async () => expect(await childrenOf(session, where.members)).toHaveLength(1));
  await eventually(() => expect(aggregator.aggregators().master?.id).toBe('replica'));
  await aggregator.close();
  expect(ends).toEqual(['shutdown']);
  expect(await childrenOf(session, where.members)).toEqual([]);
  expect(await childrenOf(session, where.election)).toEqual([]);
  expect(() => aggregator.feed.subscribe({ onBatch: () => true, onEnd: () => undefined })).toThrow(
    expect.objectContaining({ code: 'SHUTTING_DOWN' }),
  );
});
