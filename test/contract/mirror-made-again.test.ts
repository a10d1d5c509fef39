import { expect, test } from 'vitest';
import { abortable, deferred } from '../../src/kernel/abort.ts';
import type { Session, WatchListener, ZnodePath } from '../../src/zookeeper/api.ts';
import { eventually } from '../support/eventually.ts';
import { mirrorRig, type MirrorRig } from '../support/mirror-rig.ts';
import { withOperations } from '../support/session-double.ts';

type Hold = <T>(path: ZnodePath, read: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

interface Ear {
  /** What the mirror has just been told. */
  heard?(event: string): void;
  /** Whose data is asked for, however. */
  asked?(path: ZnodePath): void;
  /** Stands between the mirror and the requests that arm a watch. */
  readonly list: Hold;
  readonly data?: Hold;
}

function listening(reader: Session, { heard, asked, list, data = (_, read) => read() }: Ear) {
  const telling =
    (onEvent: WatchListener): WatchListener =>
    event => {
      onEvent(event);
      heard?.(`${event.type} ${event.path}`);
    };
  return withOperations(reader, {
    watchChildren: (path, onEvent, options) =>
      list(path, () => reader.watchChildren(path, telling(onEvent), options), options?.signal),
    watchData(path, onEvent, options) {
      asked?.(path);
      return data(path, () => reader.watchData(path, telling(onEvent), options), options?.signal);
    },
    getData(path, options) {
      asked?.(path);
      return reader.getData(path, options);
    },
    multiRead(requests, options) {
      for (const { kind, path } of requests) if (kind === 'data') asked?.(path);
      return reader.multiRead(requests, options);
    },
  });
}

async function makeAgain(writer: Session, path: ZnodePath): Promise<void> {
  await writer.remove(path, -1);
  await writer.create(path, Buffer.from('made again'));
}

async function comeBack(rig: MirrorRig, meanwhile: () => Promise<void>): Promise<void> {
  await rig.proxy.cut();
  await eventually(() => expect(rig.reader.state.kind).toBe('suspended'));
  await meanwhile();
  await rig.proxy.heal();
}

test.each(['first reading', 're-reading'] as const)(
  'a directory made again after its node was read and before its list was, in a %s, is known anew although its new list moves too',
  async reading => {
    await using rig = await mirrorRig();
    for (const path of ['/m/a', '/m/b']) await rig.writer.ensurePath(path);
    const heard = new Set<string>();
    const [asked, mayAsk] = [deferred<void>(), deferred<void>()];
    const [listed, mayEnd] = [deferred<void>(), deferred<void>()];
    let holds = reading === 'first reading';
    const { mirror, record } = rig.open({ strategy: 'child-lists' }, reader =>
      listening(reader, {
        heard: event => void heard.add(event),
        async list(path, read) {
          if (!holds) return read();
          if (path === '/m/a') {
            asked.resolve();
            await mayAsk.promise;
          }
          const found = await read();
          if (path === '/m/a') listed.resolve();
          if (path === '/m/b') await mayEnd.promise;
          return found;
        },
      }),
    );
    if (reading === 're-reading') {
      await mirror.ready();
      await comeBack(rig, async () => {
        for (const path of ['/m/a/c', '/m/b/c']) await rig.writer.create(path);
        await rig.writer.remove('/m/a/c', -1);
        holds = true;
      });
    }
    await asked.promise;
    await makeAgain(rig.writer, '/m/a');
    await eventually(() => expect(heard).toContain('deleted /m/a'));
    heard.clear();
    mayAsk.resolve();
    await listed.promise;
    await rig.writer.create('/m/a/later');
    await eventually(() => expect(heard).toContain('children-changed /m/a'));
    mayEnd.resolve();
    await rig.agrees(mirror, record);
    expect(record.replayed.get('/m/a')?.data).toBe('made again');
  },
);

test('a directory made again while a child of the old one is looked for is known anew although its new list moves too', async () => {
  await using rig = await mirrorRig();
  await rig.writer.ensurePath('/m/a');
  const heard = new Set<string>();
  const [asked, mayAsk] = [deferred<void>(), deferred<void>()];
  const [listed, mayEnd] = [deferred<void>(), deferred<void>()];
  let holds = false;
  const { mirror, record } = rig.open({ strategy: 'child-lists' }, reader =>
    listening(reader, {
      heard: event => void heard.add(event),
      async list(path, read) {
        if (!holds || path !== '/m/a') return read();
        asked.resolve();
        await mayAsk.promise;
        const found = await read();
        listed.resolve();
        await mayEnd.promise;
        return found;
      },
    }),
  );
  await mirror.ready();
  holds = true;
  await rig.writer.create('/m/a/c');
  await asked.promise;
  await rig.writer.remove('/m/a/c', -1);
  await makeAgain(rig.writer, '/m/a');
  await eventually(() => expect(heard).toContain('deleted /m/a'));
  heard.clear();
  mayAsk.resolve();
  await listed.promise;
  await rig.writer.create('/m/a/later');
  await eventually(() => expect(heard).toContain('children-changed /m/a'));
  mayEnd.resolve();
  await rig.agrees(mirror, record);
  expect(record.replayed.get('/m/a')?.data).toBe('made again');
});

test('what was below a directory that was made again is asked for once by the reading that finds out', async () => {
  await using rig = await mirrorRig();
  for (const path of ['/m/a/providers/p', '/m/b/providers']) await rig.writer.ensurePath(path);
  const reads: ZnodePath[] = [];
  const known = deferred<void>();
  const isAnswered = deferred<void>();
  const isLookedAt = deferred<void>();
  let isFirst = true;
  const { mirror, record } = rig.open({ strategy: 'child-lists', batchBytes: 1 }, reader =>
    listening(reader, {
      asked(path) {
        if (!isFirst) reads.push(path);
        // It is in the list of /m/b, which was asked for after that of /m/a had been answered.
        if (!isFirst && path === '/m/b/providers') isLookedAt.resolve();
      },
      async list(path, read, signal) {
        if (isFirst && path === '/m/a/providers') known.resolve();
        if (isFirst && path !== '/m' && path !== '/m/a')
          return abortable(deferred<never>().promise, signal);
        if (path === '/m/b') await isAnswered.promise;
        const found = await read();
        if (!isFirst && path === '/m/a') isAnswered.resolve();
        return found;
      },
      async data(path, read) {
        const found = await read();
        if (!isFirst && path === '/m/a/providers') await isLookedAt.promise;
        return found;
      },
    }),
  );
  const live = deferred<readonly ZnodePath[]>();
  mirror.onState(({ kind }) => {
    if (kind === 'live') live.resolve([...reads]);
  });
  await known.promise;
  await comeBack(rig, async () => {
    for (const path of ['/m/a/providers/p', '/m/a/providers', '/m/a'])
      await rig.writer.remove(path, -1);
    await rig.writer.ensurePath('/m/a/providers/p');
    isFirst = false;
  });
  const inReading = await live.promise;
  expect(inReading).toContain('/m/a/providers/p');
  expect(inReading.length).toBe(new Set(inReading).size);
  await rig.agrees(mirror, record);
});
