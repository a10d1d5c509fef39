import { describe, expect, test, vi } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import { eventually } from '../support/eventually.ts';
import { mirrored, readDirectly } from '../support/mirror-record.ts';
import { caughtUp, mirrorRig, plant, strategies } from '../support/mirror-rig.ts';
import { withOperations } from '../support/session-double.ts';
import { nodeChanges } from '../../src/zookeeper/mirror-changes.ts';

describe.each(strategies)('%s', strategy => {
  test('the first batches are the whole tree, in slices, and W claims nothing before the last', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b', 'c'], 400);
    await rig.writer.ensurePath('/m/a/n0/deep/deeper');
    const { mirror, record } = rig.open({ strategy });
    expect(mirror.state.kind).toBe('syncing');
    const claimed = new Set<bigint>();
    mirror.onBatch(() => claimed.add(mirror.watermark));
    await mirror.ready();
    expect(claimed).toEqual(new Set([0n]));
    expect(mirror.watermark).toBeGreaterThan(0n);
    expect(new Set(record.batches.map(({ reason }) => reason))).toEqual(new Set(['cold']));
    const sizes = record.batches.map(({ changes }) => [...nodeChanges(changes)].length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(501); // and the directory that moved with them
    expect(mirror.size).toBe(1 + 3 + 3 * 400 + 2);
    expect(mirror.children('/m')).toEqual(['a', 'b', 'c']);
    await rig.agrees(mirror, record);
  });

  test('without keepData the bytes are in the change alone', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 2, 'payload');
    const { mirror, record } = rig.open({ strategy, keepData: false });
    await mirror.ready();
    expect(mirror.get('/m/a/n0')?.data).toBeUndefined();
    expect(record.replayed.get('/m/a/n0')?.data).toBe('payload');
  });

  test('a root that does not exist is empty and watched for, also after it was deleted', async () => {
    await using rig = await mirrorRig();
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    expect(mirror.size).toBe(0);
    for (const name of ['first', 'second']) {
      await plant(rig.writer, [name], 2);
      await rig.agrees(mirror, record);
      expect(mirror.size).toBe(4);
      for (const path of [`/m/${name}/n0`, `/m/${name}/n1`, `/m/${name}`, '/m'])
        await rig.writer.remove(path, -1);
      await caughtUp(mirror, rig.reader, rig.writer);
      expect(mirror.size).toBe(0);
      expect(record.replayed.size).toBe(0);
    }
  });

  test('several roots are mirrored, and nothing beside them', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b', 'ab'], 2);
    const { mirror, record } = rig.open({ strategy, roots: ['/m/a', '/m/b'] });
    await mirror.ready();
    await rig.writer.create('/m/ab/other');
    await rig.writer.create('/m/b/more');
    await caughtUp(mirror, rig.reader, rig.writer);
    expect([...record.replayed.keys()].toSorted()).toEqual([
      '/m/a',
      '/m/a/n0',
      '/m/a/n1',
      '/m/b',
      '/m/b/more',
      '/m/b/n0',
      '/m/b/n1',
    ]);
    expect(mirror.pendingMark('/')).toBeUndefined();
  });

  test('a node that was deleted and made again is gone and new, in one batch', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 2, 'old');
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    const before = mirror.get('/m/a/n0');
    await rig.writer
      .transaction()
      .remove('/m/a/n0', -1)
      .create('/m/a/n0', Buffer.from('new'))
      .commit();
    await caughtUp(mirror, rig.reader, rig.writer);
    const changes = [
      ...nodeChanges(
        record.batches.find(({ changes: all }) => all.some(({ kind }) => kind === 'gone'))
          ?.changes ?? [],
      ),
    ];
    expect(changes.map(({ kind, node }) => `${kind} ${node.path}`).slice(0, 2)).toEqual([
      'gone /m/a/n0',
      'put /m/a/n0',
    ]);
    expect(changes[1]).toMatchObject({ previous: undefined });
    expect(mirror.get('/m/a/n0')?.czxid).toBeGreaterThan(before?.czxid ?? 0n);
    await rig.agrees(mirror, record);
  });

  test('a change says what was before and when its event came', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 1, 'old');
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    const cold = record.batches.length;
    await rig.writer.setData('/m/a/n0', Buffer.from('new'), -1);
    await caughtUp(mirror, rig.reader, rig.writer);
    const [batch, ...more] = record.batches.slice(cold);
    expect(more).toEqual([]);
    expect(batch).toMatchObject({
      reason: 'watch',
      changes: [{ kind: 'put', node: { version: 1 }, previous: { version: 0 } }],
    });
    expect(batch?.eventAtMs).toBeTypeOf('number');
  });

  test('W and the marks stand while a changed path is being read, for its own part of the tree', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b'], 1);
    const gate = deferred<void>();
    let held = false;
    const { mirror, record } = rig.open({ strategy }, reader => {
      const hold = async <T>(path: string, read: () => Promise<T>): Promise<T> => {
        const found = await read();
        if (held && path === '/m/a/n0') await gate.promise;
        return found;
      };
      return withOperations(reader, {
        getData: (path, options) => hold(path, () => reader.getData(path, options)),
        watchData: (path, onEvent, options) =>
          hold(path, () => reader.watchData(path, onEvent, options)),
      });
    });
    await mirror.ready();
    held = true;
    const { mzxid } = await rig.writer.setData('/m/a/n0', Buffer.from('1'), -1);
    await eventually(() => expect(mirror.pendingMark('/m/a')).toBeDefined());
    await rig.writer.setData('/m/b/n0', Buffer.from('2'), -1);
    await rig.reader.sync('/');
    await eventually(() => expect(record.replayed.get('/m/b/n0')?.data).toBe('2'));
    expect(mirror.watermark).toBeLessThan(mzxid);
    expect(mirror.pendingMark('/m/a')).toBeLessThan(mzxid);
    expect(mirror.pendingMark('/m/a/n0')).toBe(mirror.watermark);
    expect(mirror.pendingMark('/m')).toBe(mirror.watermark);
    expect(mirror.pendingMark('/')).toBe(mirror.watermark);
    expect(mirror.pendingMark('/m/b')).toBeUndefined();
    gate.resolve();
    await eventually(() => expect(mirror.pendingMark('/')).toBeUndefined());
    await rig.agrees(mirror, record);
  });

  test('W moves, and says so, with what happens elsewhere in ZooKeeper', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 1);
    const { mirror } = rig.open({ strategy });
    await mirror.ready();
    const seen: bigint[] = [];
    mirror.onWatermark(() => seen.push(mirror.watermark));
    await rig.writer.create('/elsewhere');
    await rig.reader.sync('/');
    await eventually(() => expect(seen.at(-1)).toBeGreaterThanOrEqual(rig.writer.lastZxid));
  });

  test('a listener that throws is told on, and changes nothing', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 1);
    const error = vi.fn();
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error };
    const { mirror, record } = rig.open({ strategy, logger });
    mirror.onBatch(() => {
      throw new Error('a bad listener');
    });
    await mirror.ready();
    await rig.writer.create('/m/a/more');
    await rig.agrees(mirror, record);
    expect(error).toHaveBeenCalledWith({ error: 'a bad listener' }, expect.any(String));
  });

  test('the share of jute.maxbuffer that a list of children takes is told', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 50);
    const shares: number[] = [];
    const metrics = {
      drift: vi.fn(),
      nodes: vi.fn(),
      untrusted: vi.fn(),
      childList: (share: number) => shares.push(share),
    };
    const { mirror } = rig.open({ strategy, metrics });
    await mirror.ready();
    // 10 names of 2 bytes and 40 of 3, each with its length; reply header, count and stat.
    expect(Math.max(...shares)).toBeCloseTo((10 * 6 + 40 * 7 + 88) / rig.reader.maxPacketBytes, 10);
    expect(metrics.nodes).toHaveBeenLastCalledWith(52);
  });

  test('after close nothing is delivered, and no watch is left', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 3);
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    await mirror.close();
    await mirror.close();
    const batches = record.batches.length;
    const events = vi.fn();
    await rig.reader.addWatch('/', 'persistent-recursive', events);
    await rig.writer.setData('/m/a/n0', Buffer.from('late'), -1);
    await eventually(() => expect(events).toHaveBeenCalled());
    expect(record.batches).toHaveLength(batches);
    expect(rig.reader.requestCounts['removeWatches']).toBe(strategy === 'child-lists' ? 2 * 5 : 1);
    await expect(mirror.audit()).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('a session closed under the mirror ends the wait for it', async () => {
    await using rig = await mirrorRig();
    await rig.proxy.cut();
    const { mirror } = rig.open({ strategy });
    const ready = mirror.ready();
    await rig.reader.close();
    await expect(ready).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
  });
});

test('with recursive watches a join is one node read and a leave one stat of the parent', async () => {
  await using rig = await mirrorRig();
  await plant(rig.writer, ['a'], 300);
  const { mirror, record } = rig.open({ strategy: 'persistent-recursive' });
  await mirror.ready();
  const reads = (): Record<string, number> => {
    const { getData = 0, getChildren = 0, multiRead = 0, exists = 0 } = rig.reader.requestCounts;
    return { getData, getChildren, multiRead, exists };
  };
  const atFirst = reads();
  const { path } = await rig.writer.create('/m/a/joiner-', Buffer.from('j'), {
    mode: 'ephemeral-sequential',
  });
  await caughtUp(mirror, rig.reader, rig.writer);
  const joined = reads();
  expect(joined).toEqual({ ...atFirst, getData: (atFirst['getData'] ?? 0) + 1 });
  await rig.writer.remove(path, -1);
  await caughtUp(mirror, rig.reader, rig.writer);
  expect(reads()).toEqual({ ...joined, exists: (joined['exists'] ?? 0) + 1 });
  await rig.agrees(mirror, record);
});

test('with recursive watches a burst is read in few requests', async () => {
  await using rig = await mirrorRig();
  await plant(rig.writer, ['a', 'b'], 300);
  const { mirror, record } = rig.open({ strategy: 'persistent-recursive' });
  await mirror.ready();
  const { getData = 0, multiRead = 0 } = rig.reader.requestCounts;
  const burst = rig.writer.transaction();
  for (let index = 0; index < 300; index += 1)
    burst.setData(`/m/a/n${index}`, Buffer.from('burst'), -1).remove(`/m/b/n${index}`, -1);
  await burst.commit();
  await rig.agrees(mirror, record);
  const after = rig.reader.requestCounts;
  expect((after['getData'] ?? 0) - getData + (after['multiRead'] ?? 0) - multiRead).toBeLessThan(
    30,
  );
});

test('auto takes recursive watches where the server has them', async () => {
  await using rig = await mirrorRig();
  await plant(rig.writer, ['a'], 2);
  const { mirror } = rig.open();
  await mirror.ready();
  expect(rig.reader.requestCounts['addWatch']).toBe(1);
  const older = await mirrorRig();
  await using _ = older;
  await plant(older.writer, ['a'], 2);
  const old = older.open({}, reader => {
    const features = { multiRead: false, persistentWatches: false, containers: false };
    return withOperations(reader, { features: () => Promise.resolve(features) });
  });
  await old.mirror.ready();
  await older.writer.create('/m/a/more');
  await older.agrees(old.mirror, old.record);
  expect(older.reader.requestCounts['addWatch'] ?? 0).toBe(0);
  expect(older.reader.requestCounts['multiRead'] ?? 0).toBe(0);
  expect(mirrored(old.mirror, '/m')).toEqual(await readDirectly(older.writer, '/m'));
});
