import { createHash } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import type { Acl } from '../../src/zookeeper/api.ts';
import { eventually } from '../support/eventually.ts';
import { caughtUp, mirrorRig, plant, strategies } from '../support/mirror-rig.ts';
import { swallowing, withOperations } from '../support/session-double.ts';

const OPEN: readonly Acl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
const digest = createHash('sha1').update('other:secret').digest('base64');
/** Anyone may change and administer it; only `other` may read it. */
const UNREADABLE: readonly Acl[] = [
  { permissions: 30, scheme: 'world', id: 'anyone' },
  { permissions: 31, scheme: 'digest', id: `other:${digest}` },
];

describe.each(strategies)('%s', strategy => {
  test('an audit counts and repairs what no event told of', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b', 'c', 'd'], 5);
    let deaf = false;
    const drift = vi.fn();
    const metrics = { drift, nodes: vi.fn(), untrusted: vi.fn(), childList: vi.fn() };
    const { mirror, record } = rig.open({ strategy, metrics }, reader =>
      swallowing(reader, () => deaf),
    );
    await mirror.ready();
    expect(await mirror.audit()).toBe(0);
    deaf = true;
    await rig.writer.setData('/m/a/n0', Buffer.from('missed'), -1);
    await rig.writer.remove('/m/b/n0', -1);
    await rig.writer.ensurePath('/m/c/missed/deep/deeper');
    await rig.writer.remove('/m/d/n1', -1);
    await rig.writer.create('/m/d/n1', Buffer.from('made again'));
    await caughtUp(mirror, rig.reader, rig.writer);
    expect(record.batches.every(({ reason }) => reason === 'cold')).toBe(true);
    deaf = false;
    const found = await mirror.audit();
    expect(found).toBeGreaterThanOrEqual(4);
    expect(drift.mock.calls).toEqual([[found]]);
    expect(record.batches.at(-1)?.reason).toBe('audit');
    await rig.agrees(mirror, record);
    expect(await mirror.audit()).toBe(0);
    // The repaired paths are watched again.
    await rig.writer.setData('/m/a/n0', Buffer.from('heard'), -1);
    await rig.writer.create('/m/c/missed/deep/heard');
    await rig.writer.create('/m/b/n0', Buffer.from('heard'));
    await rig.agrees(mirror, record);
    expect(await mirror.audit()).toBe(0);
  });

  test('what changes while an audit looks is no drift', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b'], 40);
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    let over = false;
    const churn = async (): Promise<void> => {
      for (let round = 0; !over; round += 1) {
        const path = `/m/a/n${round % 40}`;
        await Promise.all([
          rig.writer.setData(`/m/b/n${round % 40}`, Buffer.from(`${round}`), -1),
          rig.writer.remove(path, -1),
          rig.writer.create(path),
        ]);
      }
    };
    const churning = churn();
    const found: number[] = [];
    for (let audits = 0; audits < 10; audits += 1) found.push(await mirror.audit());
    over = true;
    await churning;
    expect(found).toEqual(Array.from({ length: 10 }, () => 0));
    await rig.agrees(mirror, record);
  });

  test('audits run by themselves', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 3);
    let deaf = false;
    const { mirror, record } = rig.open({ strategy, auditEveryMs: 40 }, reader =>
      swallowing(reader, () => deaf),
    );
    await mirror.ready();
    deaf = true;
    await rig.writer.setData('/m/a/n0', Buffer.from('missed'), -1);
    await rig.reader.sync('/');
    deaf = false;
    await eventually(() => expect(record.batches.at(-1)?.reason).toBe('audit'));
    await rig.agrees(mirror, record);
  });

  test('an audit that a broken connection ends begins again', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 60);
    const looked = deferred<void>();
    const { mirror, record } = rig.open({ strategy }, reader =>
      withOperations(reader, {
        exists: (path, options) => {
          looked.resolve();
          return reader.exists(path, options);
        },
      }),
    );
    await mirror.ready();
    const auditing = mirror.audit();
    await looked.promise;
    rig.proxy.dropConnections();
    expect(await auditing).toBe(0);
    await rig.agrees(mirror, record);
  });

  test('a path that may not be read is untrusted, with what was known of it, and never gone', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b'], 3, 'known');
    await rig.writer.setAcl('/m/b', UNREADABLE, -1);
    await rig.writer.create('/m/a/secret', Buffer.from('never read'), { acl: UNREADABLE });
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    expect([...mirror.untrusted.keys()].toSorted()).toEqual(['/m/a/secret', '/m/b']);
    expect(mirror.untrusted.get('/m/b')).toMatchObject({ code: 'NO_AUTH' });
    expect(mirror.children('/m/a')).toEqual(['n0', 'n1', 'n2']);
    await rig.writer.setData('/m/a/n0', Buffer.from('changed'), -1);
    await rig.writer.setAcl('/m/a/n1', UNREADABLE, -1);
    await rig.writer.setData('/m/a/n1', Buffer.from('not seen'), -1);
    // A server with the mend of CVE-2024-23944 tells of no change to those who may not read the node.
    await caughtUp(mirror, rig.reader, rig.writer);
    await mirror.audit();
    expect(mirror.untrusted.get('/m/a/n1')).toMatchObject({ code: 'NO_AUTH' });
    expect(record.replayed.get('/m/a/n1')?.data).toBe('known');
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    await rig.proxy.heal();
    await caughtUp(mirror, rig.reader, rig.writer);
    expect(mirror.get('/m/a/n1')?.data?.toString()).toBe('known');
    expect(await mirror.audit()).toBe(0);
    for (const path of ['/m/b', '/m/a/n1', '/m/a/secret']) await rig.writer.setAcl(path, OPEN, -1);
    await mirror.audit();
    await rig.agrees(mirror, record);
    expect(mirror.untrusted.size).toBe(0);
    await rig.writer.create('/m/b/more');
    await rig.writer.setData('/m/b/n1', Buffer.from('heard'), -1);
    await rig.agrees(mirror, record);
  });
});
