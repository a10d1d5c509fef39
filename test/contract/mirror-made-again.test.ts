import { expect, test } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import type { Session, WatchListener, ZnodePath } from '../../src/zookeeper/api.ts';
import { eventually } from '../support/eventually.ts';
import { mirrorRig, type MirrorRig } from '../support/mirror-rig.ts';
import { withOperations } from '../support/session-double.ts';

type Hold = <T>(path: ZnodePath, read: () => Promise<T>) => Promise<T>;

interface Ear {
  /** What the mirror has just been told. */
  heard(event: string): void;
  /** Stands between the mirror and the requests that arm a watch. */
  readonly list: Hold;
}

function listening(reader: Session, { heard, list }: Ear) {
  const telling =
    (onEvent: WatchListener): WatchListener =>
    event => {
      onEvent(event);
      heard(`${event.type} ${event.path}`);
    };
  return withOperations(reader, {
    watchChildren: (path, onEvent, options) =>
      list(path, () => reader.watchChildren(path, telling(onEvent), options)),
    watchData: (path, onEvent, options) => reader.watchData(path, telling(onEvent), options),
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
