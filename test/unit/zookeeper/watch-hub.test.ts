import { expect, test } from 'vitest';
import type { WatchEvent } from '../../../src/zookeeper/api.ts';
import { watchHub } from '../../../src/zookeeper/watch-hub.ts';

function harness(): {
  readonly hub: ReturnType<typeof watchHub>;
  readonly forgotten: string[];
  readonly heard: string[];
  listen(name: string): (event: WatchEvent) => void;
} {
  const forgotten: string[] = [];
  const heard: string[] = [];
  const hub = watchHub({
    forget: async (path, removal) => void forgotten.push(`${path} ${removal}`),
    onError: error => {
      throw error;
    },
  });
  hub.attached();
  return {
    hub,
    forgotten,
    heard,
    listen: name => event => void heard.push(`${name}: ${event.type}`),
  };
}

test('a watch that another request is about to use is not taken away', async () => {
  const { hub, forgotten, listen } = harness();
  const first = { kind: 'data', listener: listen('first') } as const;
  hub.armBegun('/n', 'data');
  hub.addOneShot('/n', first);
  hub.armEnded('/n', 'data', true);
  hub.armBegun('/n', 'data');
  await hub.removeOneShot('/n', first);
  expect(forgotten).toEqual([]);
  hub.addOneShot('/n', { kind: 'data', listener: listen('second') });
  hub.armEnded('/n', 'data', true);
  expect(forgotten).toEqual([]);
  expect(hub.listenerCount).toBe(1);
});

test('a watch that was armed for somebody who gave up is taken away when the answer is in', () => {
  const { hub, forgotten } = harness();
  hub.armBegun('/n', 'child');
  hub.armEnded('/n', 'child', true);
  expect(forgotten).toEqual(['/n child']);
});

test('one-shots beside a persistent watch that could not be set are told to look again', () => {
  const { hub, heard, listen } = harness();
  const persistent = { mode: 'persistent', listener: listen('persistent') } as const;
  hub.addPersistent('/n', persistent);
  hub.armBegun('/n', 'persistent');
  expect(hub.covers('/n')).toBe(true);
  hub.armBegun('/n', 'data');
  hub.addOneShot('/n', { kind: 'data', listener: listen('once') });
  hub.armEnded('/n', 'data', false);
  hub.armEnded('/n', 'persistent', false);
  void hub.removePersistent('/n', persistent);
  expect(heard).toEqual(['once: data-changed']);
  expect(hub.listenerCount).toBe(0);
});

test('nothing is told or taken away while there is no connection', async () => {
  const { hub, forgotten, heard, listen } = harness();
  const oneShots = ['data', 'child'].map(
    name => ({ kind: name === 'data' ? 'data' : 'child', listener: listen(name) }) as const,
  );
  for (const oneShot of oneShots) {
    hub.armBegun('/n', oneShot.kind);
    hub.addOneShot('/n', oneShot);
    hub.armEnded('/n', oneShot.kind, true);
  }
  hub.detached();
  for (const oneShot of oneShots.slice(0, 1)) await hub.removeOneShot('/n', oneShot);
  expect([forgotten, heard]).toEqual([[], []]);
  expect(hub.rearmPaths()).toMatchObject({ data: [], child: ['/n'] });
});

test('a listener that watches again from within its own call hears the next event too', () => {
  const { hub, heard } = harness();
  const again = (): void => {
    heard.push('called');
    hub.armBegun('/n', 'data');
    hub.addOneShot('/n', { kind: 'data', listener: again });
    hub.armEnded('/n', 'data', true);
  };
  again();
  hub.dispatch({ type: 'data-changed', path: '/n', zxid: undefined });
  hub.dispatch({ type: 'deleted', path: '/n', zxid: undefined });
  expect(heard).toHaveLength(3);
  expect(hub.listenerCount).toBe(1);
});

test('a recursive watch on the root hears everything below it, once', () => {
  const { hub, heard, listen } = harness();
  hub.addPersistent('/', { mode: 'persistent-recursive', listener: listen('root') });
  hub.addPersistent('/a', { mode: 'persistent-recursive', listener: listen('a') });
  for (const path of ['/', '/a', '/a/b', '/ab', '/a/b/c'])
    hub.dispatch({ type: 'created', path, zxid: 3n });
  expect(heard.filter(line => line.startsWith('root'))).toHaveLength(5);
  expect(heard.filter(line => line.startsWith('a:'))).toHaveLength(3);
});

test('a watch that was added while the others were put in place again is not thought to be there', async () => {
  const { hub, listen } = harness();
  const [first, second] = ['first', 'second'].map(
    name => ({ mode: 'persistent-recursive', listener: listen(name) }) as const,
  );
  if (first === undefined || second === undefined) throw new Error('two watches');
  hub.detached();
  expect(hub.rearmPaths().recursive).toEqual([]);
  hub.addPersistent('/p', first);
  hub.armBegun('/p', 'persistent-recursive'); // it waits for the attachment to end
  hub.attached();
  hub.addPersistent('/p', second);
  expect(hub.isArmed('/p', 'persistent-recursive')).toBe(false);
  hub.armEnded('/p', 'persistent-recursive', false); // given up before it was sent
  await hub.removePersistent('/p', first);
  expect(hub.isArmed('/p', 'persistent-recursive')).toBe(false);
});
