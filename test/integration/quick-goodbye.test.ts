import { expect, test } from 'vitest';
import { openAggregator } from '../../src/aggregator/index.ts';
import { announce, subscribe } from '../../src/registry/index.ts';
import { Registry } from 'prom-client';
import { testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

const PROVIDERS = 12;

test('providers that close at one moment, without any wait, are deregistered and never suspected', async () => {
  const servers = await testServers();
  await using watching = await testSession(servers);
  await using aggregator = await openAggregator({
    session: watching,
    registry: new Registry(),
    address: '127.0.0.1:1',
    version: '1.0.0',
  });
  await using subscription = subscribe(watching, 'orders');
  await aggregator.view.ready();
  await subscription.ready();
  const causes: string[] = [];
  aggregator.feed.subscribe({
    onBatch({ events }) {
      for (const event of events) if (event.type === 'left') causes.push(event.cause);
      return true;
    },
    onEnd: () => undefined,
  });
  for (let round = 0; round < 5; round += 1) {
    await using announcing = await testSession(servers);
    const registrations = await Promise.all(
      Array.from({ length: PROVIDERS }, (_, index) =>
        announce(announcing, {
          v: 1,
          service: 'orders',
          id: `orders-${round}-${index}`,
          address: '127.0.0.1',
          port: 8080,
        }),
      ),
    );
    await expect.poll(() => aggregator.view.service('orders').counts.up).toBe(PROVIDERS);
    await expect.poll(() => subscription.providers().length).toBe(PROVIDERS);
    await Promise.all(registrations.map(registration => registration.close()));
    await expect.poll(() => causes.length).toBe(PROVIDERS * (round + 1));
    await expect.poll(() => subscription.providers().length).toBe(0);
    expect(aggregator.view.service('orders').suspects).toEqual([]);
    expect(subscription.suspects()).toEqual([]);
  }
  expect(new Set(causes)).toEqual(new Set(['deregistered']));
});
