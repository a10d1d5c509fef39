import { expect, test } from 'vitest';
import { fourLetterWord } from '../../src/testing/index.ts';
import { sharedServers, testServers } from '../support/zookeeper.ts';

test('each call for test servers gives a chroot of its own on the shared ZooKeeper', async () => {
  const [first, second] = await Promise.all([testServers(), testServers()]);
  expect(first).not.toBe(second);
  expect(first.startsWith(`${sharedServers()}/test-`)).toBe(true);
  const port = Number(sharedServers().split(':')[1]);
  expect(await fourLetterWord(port, 'srvr')).toContain('Mode: standalone');
});
