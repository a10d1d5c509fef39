import { expect, test } from 'vitest';
import { announce, layout } from '../../src/registry/index.ts';
import { testSession } from '../support/session.ts';
import { idsOf, startSystem } from '../support/system.ts';
import { testServers } from '../support/zookeeper.ts';

const UNREADABLE = [{ permissions: 0x1e, scheme: 'world', id: 'anyone' }];
const OPEN = [{ permissions: 0x1f, scheme: 'world', id: 'anyone' }];
const directory = layout().providers('orders');

test('of a service whose directory may not be read nothing is claimed, least of all that it has no providers', async () => {
  const servers = await testServers();
  const writer = await testSession(servers);
  const provider = { id: 'o-1', service: 'orders', address: '10.0.0.5', port: 80 };
  await using _registration = await announce(writer, provider);
  await using _other = await announce(writer, { ...provider, service: 'shop' });
  await writer.setAcl(directory, UNREADABLE, -1);
  const system = await startSystem(servers);
  for (const path of ['', '/providers', '/pick']) {
    const { status, json } = await system.get(`/v1/services/orders${path}`);
    expect([path, status]).toEqual([path, 503]);
    expect(json).toMatchObject({
      code: 'VIEW_SYNCING',
      detail: expect.stringContaining(`${directory} cannot be read`),
    });
  }
  const explained = await system.get('/v1/explain/orders/o-1');
  expect(explained.json).toMatchObject({
    listed: false,
    reasons: [expect.stringContaining(`not known: ${directory} cannot be read`)],
  });
  expect(await system.metric('rollcall_mirror_untrusted')).toBe(1);
  expect(idsOf((await system.providers('shop')).providers)).toEqual(['o-1']);

  await writer.setAcl(directory, OPEN, -1);
  await system.aggregator.view.ready();
  await writer.setData(directory, Buffer.from('touched'), -1);
  const ids = async (): Promise<readonly string[] | undefined> => {
    const { status } = await system.get('/v1/services/orders/providers');
    return status === 200 ? idsOf((await system.providers('orders')).providers) : undefined;
  };
  await expect.poll(ids).toEqual(['o-1']);
});
