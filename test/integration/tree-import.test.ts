import { expect, test } from 'vitest';
import type { ExportedNode } from '../../src/cli/tree/format.ts';
import { importTree } from '../../src/cli/tree/import-tree.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { eventually } from '../support/eventually.ts';
import { proxiedSession, testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

const header = { 'rollcall-tree': 1, root: '/app', at: 'now', zxid: '1' };
const plain = { acl: undefined, mode: 'persistent', counter: 0 } as const;

async function* many(count: number): AsyncGenerator<ExportedNode> {
  yield { ...plain, path: '/app', data: Buffer.alloc(0) };
  for (let i = 0; i < count; i += 1) {
    yield { ...plain, path: `/app/${i}`, data: Buffer.alloc(20_000, i) };
  }
}

test('an import whose connection breaks between a transaction and its answer does nothing twice, and leaves nothing out', async () => {
  const servers = await testServers();
  const observer = await testSession(servers);
  const { session, proxy } = await proxiedSession(servers, { timeoutMs: 10_000 });
  const plan = {
    header,
    nodes: () => many(1_000),
    overwrite: false,
    clock: systemClock,
    signal: new AbortController().signal,
  };
  proxy.delay(20); // so that it is not done before it breaks
  const importing = importTree(session, plan);
  let seen = 0;
  for (let breaks = 0; breaks < 3; breaks += 1) {
    await eventually(async () => {
      const { numChildren = 0 } = (await observer.exists('/app')) ?? {};
      expect(numChildren).toBeGreaterThan(seen);
      seen = numChildren;
    });
    proxy.pause('down'); // what is done now, it is not told of
    await observer.sync('/app');
    await proxy.cut();
    await proxy.heal();
    proxy.delay(20);
  }
  expect(await importing).toEqual({ created: 1_001, replaced: 0, same: 0, renumbered: [] });
  const { children, stat } = await observer.getChildren('/app');
  expect(children).toHaveLength(1_000);
  expect(stat.cversion).toBe(1_000); // each was made once, none was deleted
}, 120_000);
