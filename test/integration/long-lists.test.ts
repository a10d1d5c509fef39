import { expect, onTestFinished, test } from 'vitest';
import { layout } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { ownZooKeeper } from '../support/own-zookeeper.ts';
import { testSession } from '../support/session.ts';
import { idsOf, startSystem } from '../support/system.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const directory = layout().providers('orders');
const good = { v: 1, service: 'orders', address: '10.0.0.5', port: 80 };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const NAMES = 20_000;
const NAME_BYTES = 100;

/** Nodes of a list that takes two megabytes: more than Java clients read by default. */
async function longList(session: Session): Promise<void> {
  for (let from = 0; from < NAMES; from += 500) {
    const transaction = session.transaction();
    for (let at = from; at < from + 500; at += 1)
      transaction.create(`${directory}/${String(at).padStart(NAME_BYTES, 'x')}`, Buffer.from('?'));
    await transaction.commit();
  }
}

test('a list of names and a record of two megabytes cost none of those beside them, and are told of', async () => {
  const maxPacketBytes = 4 * 1024 * 1024;
  const zooKeeper = await ownZooKeeper({ maxBufferBytes: maxPacketBytes });
  onTestFinished(() => zooKeeper.close());
  const { connectString: servers } = zooKeeper;
  const writer = await testSession(servers, { maxPacketBytes });
  await writer.ensurePath(directory);
  const put = (id: string, bytes: Buffer): Promise<unknown> =>
    writer.create(`${directory}/${id}-`, bytes, { mode: 'ephemeral-sequential' });
  await put('first', json({ ...good, id: 'first' }));
  await longList(writer);
  const tags = Array.from({ length: 200_000 }, (_, at) => `tag-${at}`);
  const wide = json({ ...good, id: 'wide', tags });
  expect(wide.length).toBeGreaterThan(2 * 1024 * 1024);
  await put('wide', wide);

  const system = await startSystem(servers, { timeoutMs: 10_000 });
  const listed = async () => idsOf((await system.providers('orders')).providers);
  expect(await listed()).toEqual(['first']);
  await put('last', json({ ...good, id: 'last' }));
  await expect.poll(listed, WAIT).toEqual(['first', 'last']);
  expect(await system.metric('rollcall_records_rejected_total{reason="not-json"}')).toBe(NAMES);
  expect(await system.metric('rollcall_records_rejected_total{reason="too-large"}')).toBe(1);
  expect(
    await system.metric('rollcall_mirror_child_lists_near_limit_total{level="alarm"}'),
  ).toBeGreaterThan(0);
  const { json: explained } = await system.get('/v1/explain/orders/wide');
  expect(explained).toMatchObject({ listed: false });
  expect(await system.view()).toBe('live');
  expect(system.errors).toEqual([]);
}, 120_000);
