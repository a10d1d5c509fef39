import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { layout } from '../../src/registry/index.ts';
import { ownZooKeeper } from '../support/own-zookeeper.ts';
import { eventually } from '../support/eventually.ts';
import { startProcess } from '../support/processes.ts';
import { testSession } from '../support/session.ts';
import { testReplica } from '../support/test-replica.ts';
import { changesBelow, provide } from '../support/znode-facts.ts';

const where = layout();
const support = (name: string): string =>
  fileURLToPath(new URL(`../support/${name}`, import.meta.url));

test('a master frozen past its session, woken after another took over, changes nothing in the tree', async () => {
  const zookeeper = await ownZooKeeper();
  onTestFinished(() => zookeeper.close());
  const servers = zookeeper.connectString;
  const observer = await testSession(servers);
  const tree = async () => ({
    ...(await changesBelow(observer, where.derived)),
    ...(await changesBelow(observer, where.services)),
  });
  const owner = [support('run.mjs'), support('replica-owner.ts')];
  await using frozen = startProcess(process.execPath, [
    ...owner,
    servers,
    '4000',
    'frozen',
    '2000',
  ]);
  await frozen.says(/^master frozen$/m);
  const next = await testReplica(await testSession(servers), { id: 'next' });
  await provide(observer, 'orders', 'o-1');
  await eventually(() => expect(next.derived().service('orders')?.counts.up).toBe(1));
  expect(next.derived().overview?.by).toBe('frozen');

  // Frozen between what it has seen and what it is about to write.
  const said = frozen.stdout.length;
  await provide(observer, 'payments', 'p-1');
  await eventually(() => expect(frozen.stdout.slice(said)).toMatch(/^services 2$/m));
  frozen.kill('SIGSTOP');
  await eventually(() =>
    expect(next.derived().overview).toMatchObject({ by: 'next', services: 2 }),
  );
  await eventually(() => expect(next.derived().services).toHaveLength(2));
  const asleep = frozen.stdout.length;
  const written = await tree();

  frozen.kill('SIGCONT');
  // It is back: a member among the others, with a session of its own, and it knows who leads.
  await eventually(() => expect(frozen.stdout.slice(asleep)).toMatch(/^master next$/m));
  await eventually(() =>
    expect(next.aggregators().members).toMatchObject([
      { id: 'frozen', view: 'live' },
      { id: 'next', master: true },
    ]),
  );
  expect(await tree()).toEqual(written);
});
