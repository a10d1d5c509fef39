import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { abortable, deferred } from '../../src/kernel/abort.ts';
import type { ReadRequest, Session } from '../../src/zookeeper/api.ts';
import type { MirrorBatch } from '../../src/zookeeper/mirror-api.ts';
import { nodeChanges } from '../../src/zookeeper/mirror-changes.ts';
import { eventually } from '../support/eventually.ts';
import { caughtUp, mirrorRig, type MirrorRig, plant, strategies } from '../support/mirror-rig.ts';
import { swallowing, withOperations } from '../support/session-double.ts';

const digest = createHash('sha1').update('other:secret').digest('base64');
const UNREADABLE = [
  { permissions: 30, scheme: 'world', id: 'anyone' },
  { permissions: 31, scheme: 'digest', id: `other:${digest}` },
];
const OPEN = [{ permissions: 31, scheme: 'world', id: 'anyone' }];

/** A session that tells how many paths were read, before the reader hears of them. */
function counting(reader: Session, onRead: (paths: number) => Promise<void> | void): Session {
  const pathsIn = (request: ReadRequest): number =>
    request.kind === 'siblings' ? request.names.length : 1;
  const counted = async <T>(read: Promise<T>, paths: number): Promise<T> => {
    const found = await read;
    await onRead(paths);
    return found;
  };
  return withOperations(reader, {
    multiRead: (requests, options) =>
      counted(
        reader.multiRead(requests, options),
        requests.reduce((sum, request) => sum + pathsIn(request), 0),
      ),
    getData: (path, options) => counted(reader.getData(path, options), 1),
    watchData: (path, onEvent, options) => counted(reader.watchData(path, onEvent, options), 1),
  });
}

const putsOfNew = (batches: readonly MirrorBatch[]): readonly string[] =>
  batches.flatMap(({ changes }) =>
    [...nodeChanges(changes)].flatMap(change =>
      change.kind === 'put' && change.previous === undefined ? [change.node.path] : [],
    ),
  );

const SERVICES = Array.from({ length: 60 }, (_, index) => `/m/s${String(index).padStart(2, '0')}`);

async function make(writer: Session, service: string): Promise<void> {
  await writer.ensurePath(`${service}/providers`);
  await Promise.all([0, 1, 2].map(each => writer.create(`${service}/providers/p${each}`)));
}

async function unmake(writer: Session, service: string): Promise<void> {
  await Promise.all([0, 1, 2].map(each => writer.remove(`${service}/providers/p${each}`, -1)));
  await writer.remove(`${service}/providers`, -1);
  await writer.remove(service, -1);
}

const suspended = (rig: MirrorRig): Promise<void> =>
  eventually(() => expect(rig.reader.state.kind).toBe('suspended'));

describe.each(strategies)('a mirror with %s', strategy => {
  test('whose first reading broke off takes a directory that was made again meanwhile in once, not twice', async () => {
    await using rig = await mirrorRig();
    for (const service of SERVICES) await make(rig.writer, service);
    let left = 200;
    const { mirror, record } = rig.open({ strategy, batchBytes: 1000 }, reader =>
      counting(reader, async paths => {
        left -= paths;
        if (left > 0 || left + paths <= 0) return;
        await rig.proxy.cut();
        throw new Error('the connection went');
      }),
    );
    await suspended(rig);
    expect(mirror.size).toBeGreaterThan(0);
    for (const service of SERVICES) {
      await unmake(rig.writer, service);
      await make(rig.writer, service);
    }
    const before = record.batches.length;
    await rig.proxy.heal();
    await mirror.ready();
    const puts = putsOfNew(record.batches.slice(before));
    expect(puts.length).toBe(new Set(puts).size);
    await rig.agrees(mirror, record);
    expect(mirror.size).toBe(1 + SERVICES.length * 5);
  });

  test('whose root could not be read, and then can, reads it once', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b'], 3);
    await rig.writer.setAcl('/m', UNREADABLE, -1);
    const counts: number[] = [];
    const nothing = (): void => undefined;
    const { mirror, record } = rig.open({
      strategy,
      metrics: {
        drift: nothing,
        nodes: nothing,
        childList: nothing,
        untrusted: count => void counts.push(count),
      },
    });
    await mirror.ready();
    expect([...mirror.untrusted.keys()]).toEqual(['/m']);
    expect(counts.at(-1)).toBe(1);
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    await rig.writer.setAcl('/m', OPEN, -1);
    await rig.proxy.heal();
    await eventually(() => expect(mirror.state.kind).toBe('live'));
    await rig.agrees(mirror, record);
    expect(mirror.size).toBe(9);
    expect(counts.at(-1)).toBe(0);
    const puts = putsOfNew(record.batches);
    expect(puts.length).toBe(new Set(puts).size);
  });

  test('reads again what it could not read, although a re-read that had read it broke off', async () => {
    await using rig = await mirrorRig();
    await plant(rig.writer, ['a', 'b'], 60);
    await rig.writer.create('/m/a/secret', Buffer.from('s'));
    await rig.writer.setAcl('/m/a/secret', UNREADABLE, -1);
    let breaks = false;
    let secretWasRead = false;
    const told = (path: string): void => {
      if (path === '/m/a/secret') secretWasRead = true;
      if (!breaks || !secretWasRead) return;
      breaks = false;
      rig.proxy.dropConnections();
    };
    const { mirror, record } = rig.open({ strategy, batchBytes: 2000 }, reader =>
      withOperations(reader, {
        async getData(path, options) {
          const found = await reader.getData(path, options);
          told(path);
          return found;
        },
        async watchData(path, onEvent, options) {
          const found = await reader.watchData(path, onEvent, options);
          told(path);
          return found;
        },
        async multiRead(requests, options) {
          const found = await reader.multiRead(requests, options);
          for (const one of found) {
            if (one.kind === 'data') told(one.path);
            if (one.kind === 'siblings') for (const { path } of one.nodes) told(path);
          }
          return found;
        },
      }),
    );
    await mirror.ready();
    expect([...mirror.untrusted.keys()]).toEqual(['/m/a/secret']);
    await rig.proxy.cut();
    await eventually(() => expect(mirror.state.kind).toBe('stale'));
    await rig.writer.setAcl('/m/a/secret', OPEN, -1);
    breaks = true;
    await rig.proxy.heal();
    await eventually(() => {
      expect(breaks).toBe(false);
      expect(mirror.state.kind).toBe('live');
    });
    await rig.agrees(mirror, record);
    expect(mirror.get('/m/a/secret')).toBeDefined();
  });

  test('whose connection goes again and again in the first reading, while what it reads is made again, has each node once', async () => {
    await using rig = await mirrorRig();
    const services = SERVICES.slice(0, 25);
    for (const service of services) await make(rig.writer, service);
    let drops = 6;
    let reads = 0;
    const { mirror, record } = rig.open({ strategy, batchBytes: 900 }, reader =>
      counting(reader, paths => {
        reads += paths;
        if (reads < 40 || drops === 0) return;
        [reads, drops] = [0, drops - 1];
        rig.proxy.dropConnections();
      }),
    );
    let isDone = false;
    const churn = async (): Promise<void> => {
      for (let at = 0; !isDone; at += 7) {
        const service = services[at % services.length] ?? '';
        await unmake(rig.writer, service);
        await make(rig.writer, service);
      }
    };
    const churning = churn();
    await mirror.ready();
    await eventually(() => expect(drops).toBe(0)); // what is made again is read again
    isDone = true;
    await churning;
    await rig.agrees(mirror, record);
    expect(mirror.size).toBe(1 + services.length * 5);
    expect(await mirror.audit()).toBe(0);
  });
});

test('an audit whose repairs went with the old ensemble ends', async () => {
  await using rig = await mirrorRig();
  await plant(rig.writer, ['a'], 5);
  let deaf = false;
  let hold = false;
  let isRebuilt = false;
  const asked = deferred<void>();
  const { mirror } = rig.open({ strategy: 'persistent-recursive' }, reader => {
    const held = <T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
      if (!hold) return read();
      asked.resolve();
      return abortable(deferred<T>().promise, signal);
    };
    return withOperations(
      swallowing(reader, () => deaf),
      {
        get lastZxid() {
          return isRebuilt ? 1n : reader.lastZxid;
        },
        getData: (path, options) => held(() => reader.getData(path, options), options?.signal),
        multiRead: (requests, options) =>
          held(() => reader.multiRead(requests, options), options?.signal),
      },
    );
  });
  await mirror.ready();
  await caughtUp(mirror, rig.reader, rig.writer);
  deaf = true;
  await rig.writer.setData('/m/a/n0', Buffer.from('missed'), -1);
  await rig.reader.sync('/');
  deaf = false;
  hold = true;
  const audit = mirror.audit();
  await asked.promise;
  hold = false;
  isRebuilt = true;
  rig.proxy.dropConnections();
  expect(await audit).toBe(1);
});
