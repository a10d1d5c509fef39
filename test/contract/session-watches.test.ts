import { expect, test, vi } from 'vitest';
import { faultProxy } from '../../src/testing/index.ts';
import type { WatchEvent } from '../../src/zookeeper/api.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

test('a one-shot watch fires once, and a persistent one each time', async () => {
  const servers = await testServers();
  await using watcher = await openSession({ servers });
  await using writer = await openSession({ servers });
  await writer.create('/a');
  const once: WatchEvent[] = [];
  const always: WatchEvent[] = [];
  await watcher.watchData('/a', event => once.push(event));
  await watcher.addWatch('/', 'persistent-recursive', event => always.push(event));
  await writer.setData('/a', Buffer.from('1'), -1);
  await writer.setData('/a', Buffer.from('2'), -1);
  await writer.create('/a/b');
  await vi.waitFor(() => expect(always).toHaveLength(3));
  expect(always.map(({ type, path }) => `${type} ${path}`)).toEqual([
    'data-changed /a',
    'data-changed /a',
    'created /a/b',
  ]);
  expect(once.map(({ type, path }) => `${type} ${path}`)).toEqual(['data-changed /a']);
});

test('watches are in place again after a reconnect, and one-shots tell what was missed', async () => {
  const servers = await testServers();
  const chroot = servers.slice(servers.indexOf('/'));
  await using proxy = await faultProxy({ target: sharedServers() });
  await using watcher = await openSession({ servers: proxy.address + chroot });
  await using writer = await openSession({ servers });
  await writer.create('/a');
  const events: string[] = [];
  const note = (event: WatchEvent): number => events.push(`${event.type} ${event.path}`);
  await watcher.watchData('/a', note);
  await watcher.addWatch('/', 'persistent-recursive', note);
  const attached: boolean[] = [];
  watcher.onAttached(({ resumed }) => attached.push(resumed));
  proxy.cut();
  await vi.waitFor(() => expect(watcher.state.kind).toBe('suspended'));
  await writer.setData('/a', Buffer.from('1'), -1);
  proxy.heal();
  await watcher.connected();
  expect(watcher.epoch).toBe(1);
  expect(attached).toEqual([true]);
  expect(events).toEqual(['data-changed /a']);
  await writer.create('/b');
  await vi.waitFor(() => expect(events).toEqual(['data-changed /a', 'created /b']));
});
