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
  const once: string[] = [];
  const always: string[] = [];
  await watcher.watchData('/a', ({ type, path }) => once.push(`${type} ${path}`));
  await watcher.addWatch('/', 'persistent-recursive', ({ type, path }) =>
    always.push(`${type} ${path}`),
  );
  const attached: boolean[] = [];
  watcher.onAttached(({ resumed }) => attached.push(resumed));
  await proxy.cut();
  await vi.waitFor(() => expect(watcher.state.kind).toBe('suspended'));
  await writer.setData('/a', Buffer.from('1'), -1);
  await proxy.heal();
  await watcher.connected();
  expect(watcher.epoch).toBe(1);
  expect(attached).toEqual([true]);
  expect(once).toEqual(['data-changed /a']);
  await writer.create('/b');
  await vi.waitFor(() => expect(always.at(-1)).toBe('created /b'));
  expect(once).toHaveLength(1);
});
