import { expect, test } from 'vitest';
import { openSession } from '../../src/zookeeper/session.ts';
import { testServers } from '../support/zookeeper.ts';

test('a session creates, reads, writes and removes nodes below its chroot', async () => {
  await using session = await openSession({ servers: await testServers() });
  await session.connected();
  const created = await session.create('/a', Buffer.from('one'));
  expect(created.path).toBe('/a');
  expect(created.stat.czxid).toBeGreaterThan(0n);
  const read = await session.getData('/a');
  expect(read.data.toString()).toBe('one');
  expect(read.stat).toEqual(created.stat);
  const stat = await session.setData('/a', Buffer.from('two'), 0);
  expect(stat.version).toBe(1);
  expect((await session.exists('/a'))?.mzxid).toBe(stat.mzxid);
  expect((await session.getChildren('/')).children).toEqual(['a']);
  await session.remove('/a', 1);
  expect(await session.exists('/a')).toBeUndefined();
});
