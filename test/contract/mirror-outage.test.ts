import { describe, expect, test, vi } from 'vitest';
import { abortable, deferred } from '../../src/kernel/abort.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import type { Session } from '../../src/zookeeper/api.ts';
import { eventually } from '../support/eventually.ts';
import { caughtUp, mirrorRig, plant, strategies } from '../support/mirror-rig.ts';
import { withOperations } from '../support/session-double.ts';
import { nodeChanges } from '../../src/zookeeper/mirror-changes.ts';

/** A session that tells of each path whose children are listed. */
function listing(session: Session, listed: string[]): Session {
  return withOperations(session, {
    getChildren: (path, options) => {
      listed.push(path);
      return session.getChildren(path, options);
    },
    watchChildren: (path, onEvent, options) => {
      listed.push(path);
      return session.watchChildren(path, onEvent, options);
    },
    multiRead: (requests, options) => {
      listed.push(...requests.filter(({ kind }) => kind === 'children').map(({ path }) => path));
      return session.multiRead(requests, options);
    },
  });
}

describe.each(strategies)('%s', strategy => {
  test('while ZooKeeper is away the old copy stays and W stands; then only the difference comes', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b', 'c'], 10);
    const listed: string[] = [];
    const { mirror, record } = rig.open({ strategy }, reader => listing(reader, listed));
    await mirror.ready();
    await caughtUp(mirror, rig.reader, rig.writer);
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    const [stood, batches, size] = [mirror.watermark, record.batches.length, mirror.size];
    await rig.writer.setData('/m/a/n0', Buffer.from('changed'), -1);
    await rig.writer.remove('/m/b/n0', -1);
    await rig.writer.create('/m/b/more');
    expect([mirror.watermark, mirror.pendingMark('/'), mirror.pendingMark('/m/c')]).toEqual([
      stood,
      stood,
      stood,
    ]);
    expect([mirror.size, record.batches.length]).toEqual([size, batches]);
    listed.length = 0;
    await rig.proxy.heal();
    await rig.agrees(mirror, record);
    const resync = record.batches.slice(batches).filter(({ reason }) => reason === 'resync');
    const changed = resync.flatMap(({ changes }) =>
      [...nodeChanges(changes)].map(({ kind, node }) => `${kind} ${node.path}`),
    );
    expect(changed.toSorted()).toEqual([
      'directory /m/b',
      'gone /m/b/n0',
      'put /m/a/n0',
      'put /m/b/more',
    ]);
    expect(new Set(resync.map(({ watermarkBefore }) => watermarkBefore))).toEqual(new Set([stood]));
    // Lists of what moved, and of what was pending when the connection broke; never of the rest.
    const moved = new Set(['/m/a/n0', '/m/b', '/m/b/more']);
    expect(listed.filter(path => !moved.has(path))).toEqual([]);
  });

  test('a re-read that breaks in the middle leaves the old copy whole, and begins again', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b'], 60);
    let breakAt = Number.POSITIVE_INFINITY;
    let reads = 0;
    const { mirror, record } = rig.open({ strategy, batchBytes: 2000 }, reader => {
      const counted = async <T>(read: Promise<T>): Promise<T> => {
        const found = await read;
        reads += 1;
        if (reads === breakAt) rig.proxy.dropConnections();
        return found;
      };
      return withOperations(reader, {
        multiRead: (requests, options) => counted(reader.multiRead(requests, options)),
      });
    });
    await mirror.ready();
    await caughtUp(mirror, rig.reader, rig.writer);
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    const [stood, batches] = [mirror.watermark, record.batches.length];
    await Promise.all(
      ['a', 'b'].map(name => rig.writer.setData(`/m/${name}/n1`, Buffer.from('changed'), -1)),
    );
    [reads, breakAt] = [0, 3];
    const attached = vi.fn(() => [mirror.watermark, mirror.state.kind, record.batches.length]);
    rig.reader.onAttached(attached);
    await rig.proxy.heal();
    await rig.agrees(mirror, record);
    expect(attached.mock.results.map(({ value }) => value)).toEqual([
      [stood, 'stale', batches],
      [stood, 'stale', batches],
    ]);
  });

  test('a node deleted before the connection broke, and made again meanwhile, is there', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 3, 'old');
    let held = false;
    const asked = deferred<void>();
    const { mirror, record } = rig.open({ strategy }, reader => {
      const hold = <T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
        if (!held) return read();
        asked.resolve();
        return abortable(deferred<T>().promise, signal);
      };
      return withOperations(reader, {
        exists: (path, options) => hold(() => reader.exists(path, options), options?.signal),
        getChildren: (path, options) =>
          hold(() => reader.getChildren(path, options), options?.signal),
        watchChildren: (path, onEvent, options) =>
          hold(() => reader.watchChildren(path, onEvent, options), options?.signal),
      });
    });
    await mirror.ready();
    held = true;
    await rig.writer.remove('/m/a/n0', -1);
    await asked.promise;
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    held = false;
    await rig.writer.create('/m/a/n0', Buffer.from('made again'));
    await rig.proxy.heal();
    await rig.agrees(mirror, record);
    expect(record.replayed.get('/m/a/n0')?.data).toBe('made again');
  });

  test('in a new session the watches are there again', async () => {
    await using rig = await mirrorRig({ timeoutMs: 2_000 });
    await plant(rig.writer, ['a', 'b'], 5);
    const { mirror, record } = rig.open({ strategy });
    await mirror.ready();
    const { epoch } = rig.reader;
    await rig.reader.create('/held', Buffer.alloc(0), { mode: 'ephemeral' });
    await rig.proxy.cut();
    await eventually(() => expect(rig.reader.state.kind).toBe('lost'));
    await rig.writer.remove('/m/a/n0', -1);
    // The server must have forgotten the old session too: its ephemeral node goes then.
    await eventually(async () => expect(await rig.writer.exists('/held')).toBeUndefined(), {
      interval: 50,
    });
    await rig.proxy.heal();
    await caughtUp(mirror, rig.reader, rig.writer);
    expect(rig.reader.epoch).toBe(epoch + 1);
    await rig.writer.setData('/m/b/n1', Buffer.from('heard'), -1);
    await rig.writer.create('/m/a/joined');
    await rig.writer.remove('/m/b/n0', -1);
    await rig.agrees(mirror, record);
    expect(record.batches.at(-1)?.reason).toBe('watch');
  });

  test('a request that fails while the connection stands is tried again', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a'], 5);
    let failures = 3;
    const { mirror, record } = rig.open({ strategy }, reader => {
      const failing = <T>(read: () => Promise<T>): Promise<T> => {
        failures -= 1;
        return failures >= 0
          ? Promise.reject(new RollcallError('CONNECTION_LOSS', 'for a test'))
          : read();
      };
      return withOperations(reader, {
        getData: (path, options) => failing(() => reader.getData(path, options)),
        watchData: (path, onEvent, options) =>
          failing(() => reader.watchData(path, onEvent, options)),
      });
    });
    await mirror.ready();
    await rig.agrees(mirror, record);
    failures = 2;
    await rig.writer.setData('/m/a/n0', Buffer.from('changed'), -1);
    await rig.agrees(mirror, record);
    expect(failures).toBeLessThan(0);
  });
});
