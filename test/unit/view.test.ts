import { expect, test } from 'vitest';
import { RollcallError } from '../../src/kernel/errors.ts';
import { EVERYWHERE } from '../support/scripted-mirror.ts';
import { scriptedView, where } from '../support/scripted-view.ts';

test('before the first complete copy the view is syncing, whatever has been delivered', async () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  mirror.deliver();
  expect(view.state.kind).toBe('syncing');
  live(20n);
  await view.ready();
  expect(view.state.kind).toBe('live');
  expect(view.service('orders').providers.map(({ id }) => id)).toEqual(['a']);
});

test('an empty tree makes a live view of nothing, but a mirror that has not delivered its nodes does not', () => {
  const empty = scriptedView();
  empty.mirror.become({ kind: 'live' });
  expect(empty.view.state.kind).toBe('live');
  const early = scriptedView();
  early.provider('orders', 'a', 10n);
  early.mirror.become({ kind: 'live' });
  expect(early.view.state.kind).toBe('syncing');
  early.mirror.deliver();
  expect(early.view.state.kind).toBe('live');
});

test('the index of a service is the newest zxid of its directory and its nodes, and moves with each change', () => {
  const { view, mirror, provider, gone, live } = scriptedView();
  provider('orders', 'a', 10n);
  provider('orders', 'b', 12n);
  provider('billing', 'c', 14n);
  live(20n);
  expect(view.service('orders').index).toBe(12n);
  expect(view.service('billing').index).toBe(14n);
  gone('orders', 'a', 21n);
  mirror.deliver({ watermark: 21n });
  expect(view.service('orders').index).toBe(21n);
  expect(view.service('billing').index).toBe(14n);
});

test('of an unknown service the index is that of the directory of services, and its listener hears of it', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  live(20n);
  expect(view.service('nowhere')).toMatchObject({ index: 10n, providers: [], suspects: [] });
  expect(view.service('nowhere')).toBe(view.service('nowhere'));
  expect(view.has('nowhere')).toBe(false);
  let calls = 0;
  view.onService('nowhere', () => (calls += 1));
  provider('billing', 'b', 25n);
  mirror.deliver({ watermark: 25n });
  expect(calls).toBe(1);
  expect(view.service('nowhere').index).toBe(25n);
});

test('what is published never runs ahead of a path that is still to be read, and follows when it was', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  provider('billing', 'x', 11n);
  live(90n);
  mirror.move({ pending: [`${where.providers('orders')}/late`, 94n] });
  provider('orders', 'b', 100n);
  provider('billing', 'y', 99n);
  mirror.deliver({ watermark: 94n });
  expect(view.service('orders').providers.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(view.service('orders').index).toBe(94n);
  expect(view.service('billing').index).toBe(99n);
  expect(view.services().index).toBe(94n);
  let calls = 0;
  view.onService('orders', () => (calls += 1));
  mirror.move({ pending: [`${where.providers('orders')}/late`, undefined], watermark: 100n });
  expect(view.service('orders').index).toBe(100n);
  expect(view.services().index).toBe(100n);
  expect(calls).toBe(1);
});

test('who asks between a read and its telling is not shown a watermark above what is published', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  live(90n);
  mirror.move({ pending: [`${where.providers('orders')}/late`, 94n] });
  provider('orders', 'b', 100n);
  mirror.deliver({ watermark: 94n });
  const done = [`${where.providers('orders')}/late`, undefined] as const;
  mirror.move({ pending: done, watermark: 100n, unheard: true });
  expect([view.watermark, view.service('orders').index]).toEqual([94n, 94n]);
  mirror.move({});
  expect([view.watermark, view.service('orders').index]).toEqual([100n, 100n]);
});

test('a published index never goes back, even when a re-read freezes the watermark below it', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  live(90n);
  mirror.move({ pending: [where.providers('billing'), 92n] });
  provider('orders', 'b', 100n);
  mirror.deliver({ watermark: 92n });
  expect(view.service('orders').index).toBe(100n);
  mirror.move({ pending: [EVERYWHERE, 92n] });
  provider('orders', 'c', 110n);
  mirror.deliver({ watermark: 92n });
  expect(view.service('orders').index).toBe(100n);
});

test('the list of services keeps its index while only the watermark moves, so that an idle poll sleeps', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  live(90n);
  const before = view.services();
  let calls = 0;
  view.onTopic('services', () => (calls += 1));
  mirror.move({ watermark: 95n });
  expect(view.watermark).toBe(95n);
  expect(view.services()).toBe(before);
  expect(calls).toBe(0);
});

test('a snapshot keeps its identity until something of it changes', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  provider('billing', 'b', 11n);
  live(20n);
  const [orders, billing] = [view.service('orders'), view.service('billing')];
  provider('orders', 'c', 30n);
  mirror.deliver({ watermark: 30n });
  expect(view.service('billing')).toBe(billing);
  expect(view.service('orders')).not.toBe(orders);
  expect(orders.counts.total).toBe(1);
  expect(view.service('orders').counts).toMatchObject({ total: 2, up: 2 });
});

test('in the list of all services a line keeps its identity until something of its service changes', () => {
  const { view, mirror, provider, live } = scriptedView();
  for (const [at, name] of ['billing', 'orders', 'stock'].entries())
    provider(name, 'a', BigInt(10 + at));
  live(20n);
  const before = view.services().services;
  provider('orders', 'b', 21n);
  mirror.deliver({ watermark: 21n });
  const after = view.services().services;
  expect(after.map((line, at) => line === before[at])).toEqual([true, false, true]);
  expect(after[1]).toEqual({
    name: 'orders',
    index: 21n,
    counts: { total: 2, up: 2, starting: 0, draining: 0, down: 0, unhealthy: 0, suspects: 0 },
  });
});

test('of ten providers eight that die together are suspects until their hold lapses, or they come back', async () => {
  const { view, mirror, clock, provider, gone, live, notices } = scriptedView();
  for (let at = 0; at < 10; at += 1)
    provider('orders', `p${at}`, 10n + BigInt(at), { ephemeralOwner: BigInt(at) + 1n });
  live(20n);
  for (let at = 0; at < 8; at += 1) gone('orders', `p${at}`, 30n);
  mirror.deliver({ watermark: 30n });
  expect(view.service('orders').counts).toMatchObject({ total: 2, suspects: 8 });
  expect(view.service('orders').suspects.map(({ id }) => id)).toEqual([
    'p0',
    'p1',
    'p2',
    'p3',
    'p4',
    'p5',
    'p6',
    'p7',
  ]);
  const held = view.service('orders').suspects;
  provider('orders', 'p3', 31n, { node: 'p3-again' });
  mirror.deliver({ watermark: 31n });
  expect(view.service('orders').counts).toMatchObject({ total: 3, suspects: 7 });
  // As long as it is held a suspect is the same object, whatever becomes of the others: it is encoded once.
  const kept = view.service('orders').suspects;
  expect(kept.every(suspect => held.includes(suspect))).toBe(true);
  await clock.advance(30_000);
  expect(view.service('orders').counts.suspects).toBe(0);
  const released = notices.flatMap(({ transitions }) =>
    transitions.filter(({ kind }) => kind === 'released'),
  );
  expect(released).toHaveLength(8);
});

test('one killed alone is simply gone, and so are those that drained or that an operator drained', () => {
  const alone = scriptedView();
  for (let at = 0; at < 10; at += 1)
    alone.provider('orders', `p${at}`, 10n + BigInt(at), { ephemeralOwner: BigInt(at) + 1n });
  alone.live(20n);
  alone.gone('orders', 'p0', 30n);
  alone.mirror.deliver({ watermark: 30n });
  expect(alone.view.service('orders').counts).toMatchObject({ total: 9, suspects: 0 });

  const drained = scriptedView();
  for (let at = 0; at < 4; at += 1) {
    drained.provider('orders', `p${at}`, 10n + BigInt(at), {
      ephemeralOwner: BigInt(at) + 1n,
      record: at < 2 ? { status: 'draining' } : {},
    });
    if (at >= 2)
      drained.mirror.put(where.override('orders', `p${at}`), '{"disabled":true}', { zxid: 15n });
  }
  drained.live(20n);
  for (let at = 0; at < 4; at += 1) drained.gone('orders', `p${at}`, 30n);
  drained.mirror.deliver({ watermark: 30n });
  expect(drained.view.service('orders').counts).toMatchObject({ total: 0, suspects: 0 });
});

test('while ZooKeeper is away the view says since when it is stale, and keeps answering', () => {
  const { view, mirror, clock, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  live(20n);
  const states: string[] = [];
  view.onState(({ kind }) => states.push(kind));
  clock.jump(5_000);
  mirror.become({ kind: 'stale', sinceMs: 3_000 });
  expect(view.state).toEqual({ kind: 'stale', sinceWallMs: Date.UTC(2026, 0, 1) + 3_000 });
  expect(view.service('orders').counts.total).toBe(1);
  mirror.become({ kind: 'live' });
  expect(states).toEqual(['stale', 'live']);
});

test('consumers have an index of their own, and make the topology', () => {
  const { view, mirror, live } = scriptedView();
  const consumer = (service: string, node: string, who: string, zxid: bigint): void =>
    mirror.put(
      `${where.consumers(service)}/${node}`,
      JSON.stringify({ v: 1, id: node, service, consumer: who }),
      { zxid },
    );
  consumer('orders', 'n1', 'web', 10n);
  consumer('orders', 'n2', 'web', 11n);
  consumer('billing', 'n3', 'orders', 12n);
  live(20n);
  expect(view.consumers('orders')).toMatchObject({
    index: 11n,
    consumers: [{ record: { consumer: 'web' } }, {}],
  });
  expect(view.topology()).toMatchObject({
    index: 12n,
    edges: [
      { consumer: 'orders', service: 'billing', instances: 1 },
      { consumer: 'web', service: 'orders', instances: 2 },
    ],
  });
  const topology = view.topology();
  let calls = 0;
  view.onTopic('consumers', () => (calls += 1));
  mirror.remove(`${where.consumers('orders')}/n1`, 30n);
  mirror.deliver({ watermark: 30n });
  expect(calls).toBe(1);
  expect(view.topology()).not.toBe(topology);
  expect(view.topology().edges[1]?.instances).toBe(1);
  expect(view.consumers('orders').index).toBe(30n);
});

test('a service whose directory goes is not listed any more, its index goes on', () => {
  const { view, mirror, provider, live } = scriptedView();
  provider('orders', 'a', 10n);
  live(20n);
  mirror.remove(where.service('orders'), 30n);
  mirror.deliver({ watermark: 30n });
  expect(view.has('orders')).toBe(false);
  expect(view.services().services).toEqual([]);
  expect(view.service('orders')).toMatchObject({ index: 30n, providers: [] });
});

test('when the zxids went back, indexes begin anew from what is there now', () => {
  const { view, mirror, provider, gone, live } = scriptedView();
  provider('orders', 'a', 1_000n);
  provider('orders', 'b', 1_001n);
  live(2_000n);
  let restarts = 0;
  view.onRestart(() => (restarts += 1));
  mirror.become({ kind: 'stale', sinceMs: 0 });
  mirror.move({ watermark: 0n });
  gone('orders', 'a', 5n);
  gone('orders', 'b', 5n);
  for (const path of [where.providers('orders'), where.service('orders'), where.services])
    mirror.remove(path, 5n);
  provider('orders', 'a', 6n);
  mirror.deliver({ watermark: 7n, reason: 'resync' });
  expect(restarts).toBe(0);
  mirror.become({ kind: 'live' });
  expect(restarts).toBe(1);
  expect(view.service('orders')).toMatchObject({ index: 6n, counts: { total: 1 } });
  expect(view.services().index).toBeLessThanOrEqual(7n);
});

test('a large batch is taken in in slices; until its end nothing of it is claimed', async () => {
  let calls = 0;
  const { view, mirror, clock, provider, live } = scriptedView({ sliceMs: 0 });
  provider('orders', 'a', 10n);
  live(20n);
  await clock.advance(0);
  for (let at = 0; at < 300; at += 1) provider('orders', `p${at}`, 30n + BigInt(at));
  view.onService('orders', () => (calls += 1));
  mirror.deliver({ watermark: 400n });
  expect(view.watermark).toBe(20n);
  expect(view.service('orders').index).toBe(20n);
  const seen = view.service('orders').counts.total;
  expect(seen).toBeGreaterThan(1);
  expect(seen).toBeLessThan(301);
  for (let turn = 0; turn < 10; turn += 1) await clock.advance(0);
  expect(view.service('orders')).toMatchObject({ index: 329n, counts: { total: 301 } });
  expect(view.watermark).toBe(400n);
  expect(calls).toBeGreaterThan(1);
});

test('what the mirror trusts again is not claimed before it is applied here', async () => {
  const { view, mirror, clock, provider, live } = scriptedView({ sliceMs: 0 });
  mirror.untrusted.set(where.services, new RollcallError('NO_AUTH', where.services));
  live(10n);
  const orders = () =>
    view.unreadable('orders') === undefined ? view.service('orders') : 'unread';
  const all = () => (view.unreadable() === undefined ? view.services() : 'unread');
  expect([orders(), all()]).toEqual(['unread', 'unread']);
  for (let at = 0; at < 100; at += 1) provider('billing', `b-${at}`, BigInt(20 + at));
  provider('orders', 'a', 120n);
  mirror.deliver({ watermark: 120n });
  mirror.untrusted.clear();
  expect(orders()).toBe('unread');
  for (let turn = 0; turn < 10; turn += 1) await clock.advance(0);
  expect(orders()).toMatchObject({ providers: [{ id: 'a' }] });
  expect(all()).toMatchObject({ services: [{ name: 'billing' }, { name: 'orders' }] });
});
