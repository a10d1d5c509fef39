import { expect, test } from 'vitest';
import { examineSizes } from '../../src/cli/doctor/sizes.ts';
import { isAtLeast, readServerFacts } from '../../src/cli/doctor/four-letters.ts';
import { layout } from '../../src/registry/index.ts';
import { openSession } from '../../src/zookeeper/index.ts';
import { testServers } from '../support/zookeeper.ts';

test.for([
  [10_000, 'ok'],
  [1_800, 'warn'],
  [1_000, 'fail'],
] as const)('lists of 900 bytes under a limit of %i bytes: %s', async ([limit, level]) => {
  await using session = await openSession({ servers: await testServers(), maxPacketBytes: limit });
  const where = layout();
  const directory = where.providers('orders');
  await session.ensurePath(where.providers('empty'));
  await session.ensurePath(directory);
  for (let at = 0; at < 20; at += 1) {
    await session.create(`${directory}/${String(at).padStart(40, '0')}`);
  }
  const [counts, longest] = await examineSizes(session, where);
  expect(counts).toMatchObject({ level: 'ok', text: '2 services, 20 providers' });
  expect(longest).toMatchObject({ level });
  expect(longest?.text).toContain(`${directory}: 20 names, 900 bytes`);
});

test('what a server says of itself is read, and its version compared', () => {
  const srvr =
    'Zookeeper version: 3.8.0-5a02a05, built on 2022\nLatency min/avg/max: 0/0/0\nMode: follower\n';
  expect(readServerFacts(srvr)).toEqual({
    version: '3.8.0',
    mode: 'follower',
    serving: true,
    silent: false,
  });
  const idle = 'This ZooKeeper instance is not currently serving requests\n';
  expect(readServerFacts(idle).serving).toBe(false);
  const refused = 'srvr is not executed because it is not in the whitelist.\n';
  expect(readServerFacts(refused).silent).toBe(true);
  expect(
    ['3.5.10', '3.6.0', '3.10.1', '4.0.0'].map(version => isAtLeast(version, '3.6.0')),
  ).toEqual([false, true, true, true]);
});
