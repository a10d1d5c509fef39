import { expect, test } from 'vitest';
import { RollcallError } from '../../src/kernel/errors.ts';
import type { FeedBatch } from '../../src/aggregator/ports.ts';
import { listen, scriptedView, type ScriptedView, where } from '../support/scripted-view.ts';

/** Lets what waits for the next turn happen, at the same moment. */
const settle = async ({ clock }: ScriptedView): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await clock.advance(0);
};

function small(): ScriptedView {
  const scripted = scriptedView();
  scripted.provider('orders', 'a', 10n);
  scripted.provider('billing', 'b', 11n);
  scripted.live(20n);
  return scripted;
}

test('nobody can subscribe before there is a complete view', () => {
  const scripted = scriptedView();
  expect(() => listen(scripted.feed())).toThrow(expect.objectContaining({ code: 'VIEW_SYNCING' }));
});

test('a subscriber begins with snapshots and the state; the id is claimed with the last of them', async () => {
  const scripted = small();
  const told = listen(scripted.feed());
  await settle(scripted);
  expect(told.news().sort()).toEqual(['snapshot billing b', 'snapshot orders a', 'state live']);
  expect(told.id).toBe(20n);
});

test('one who asks for some services hears of no other, but is told fresh ids', async () => {
  const scripted = small();
  const told = listen(scripted.feed(), { services: ['orders', 'nowhere'] });
  await settle(scripted);
  expect(told.news().sort()).toEqual(['snapshot nowhere ', 'snapshot orders a', 'state live']);
  scripted.provider('billing', 'c', 21n);
  scripted.mirror.deliver({ watermark: 21n });
  await settle(scripted);
  expect(told.news()).toEqual([]);
  await scripted.clock.advance(1_000);
  expect(told.news()).toEqual([]);
  expect(told.id).toBe(21n);
});

test.each([undefined, ['orders', 'billing']])(
  'of a service that cannot be read nothing is told, until it can: then all of it (services: %j)',
  async services => {
    const scripted = scriptedView();
    const { mirror, clock } = scripted;
    const directory = where.providers('billing');
    scripted.provider('orders', 'a', 10n);
    mirror.put(directory, '', { zxid: 11n });
    mirror.untrusted.set(directory, new RollcallError('NO_AUTH', directory));
    scripted.live(20n);
    const feed = scripted.feed();
    const told = listen(feed, services === undefined ? {} : { services });
    const back = listen(feed, { ...(services === undefined ? {} : { services }), resumeFrom: 15n });
    await settle(scripted);
    expect(told.news().sort()).toEqual(['snapshot orders a', 'state live']);
    expect(back.news()).not.toContain('snapshot billing ');
    scripted.provider('billing', 'b', 21n);
    mirror.deliver({ watermark: 21n });
    mirror.untrusted.clear();
    mirror.move({ watermark: 22n });
    await clock.advance(1_000);
    for (const each of [told, back]) {
      expect(each.news()).toContain('snapshot billing b');
      expect(each.ids('billing')).toEqual(['b']);
    }
    scripted.provider('billing', 'c', 23n);
    mirror.deliver({ watermark: 23n });
    await settle(scripted);
    expect(told.news()).toEqual(['joined c']);
  },
);

test('the first change goes out in the same turn, what follows within the window together at its end', async () => {
  const scripted = small();
  const told = listen(scripted.feed());
  await settle(scripted);
  told.news();
  scripted.provider('orders', 'c', 21n);
  scripted.mirror.deliver({ watermark: 21n });
  expect(told.news()).toEqual(['joined c']);
  scripted.provider('orders', 'd', 22n);
  scripted.mirror.deliver({ watermark: 22n });
  scripted.provider('orders', 'd', 23n, { record: { weight: 1 } });
  scripted.gone('orders', 'a', 24n);
  scripted.mirror.deliver({ watermark: 24n });
  expect(told.news()).toEqual([]);
  await scripted.clock.advance(50);
  expect(told.news()).toEqual(['joined d', 'left a crashed-or-expired']);
  expect(told.id).toBe(24n);
});

test('an id is not claimed while changes of it wait for the end of their window', async () => {
  const scripted = small();
  const told = listen(scripted.feed());
  await settle(scripted);
  scripted.provider('orders', 'c', 21n);
  scripted.mirror.deliver({ watermark: 21n });
  scripted.provider('orders', 'd', 22n);
  scripted.mirror.deliver({ watermark: 22n });
  scripted.provider('billing', 'e', 23n);
  scripted.mirror.deliver({ watermark: 23n });
  expect(told.news().at(-1)).toBe('joined e');
  expect(told.id).toBe(21n);
  await scripted.clock.advance(50);
  expect(told.id).toBe(23n);
});

test('what came and went within a window is told as gone: somebody may know it from another replica', async () => {
  const scripted = small();
  const told = listen(scripted.feed());
  await settle(scripted);
  scripted.provider('orders', 'first', 21n);
  scripted.mirror.deliver({ watermark: 21n });
  told.news();
  scripted.provider('orders', 'x', 22n);
  scripted.mirror.deliver({ watermark: 22n });
  scripted.gone('orders', 'x', 23n);
  scripted.mirror.deliver({ watermark: 23n });
  await scripted.clock.advance(50);
  expect(told.news()).toEqual(['left x crashed-or-expired']);
});

test('who came from another replica is given all of a service once when something came and went unseen here', async () => {
  const scripted = small();
  const feed = scripted.feed();
  const [own, moved, other] = [
    listen(feed),
    listen(feed, { resumeFrom: 20n }),
    listen(feed, { resumeFrom: 20n, services: ['billing'] }),
  ];
  await settle(scripted);
  for (const told of [own, moved, other]) told.news();
  const blip = async (zxid: bigint): Promise<void> => {
    scripted.mirror.blip(where.providers('orders'), zxid);
    scripted.mirror.deliver({ watermark: zxid });
    await scripted.clock.advance(50);
  };
  await blip(21n);
  expect(moved.news()).toEqual(['snapshot orders a']);
  await blip(22n);
  for (const told of [own, moved, other]) expect(told.news()).toEqual([]);
});

test('who came from another replica and takes all services begins anew when a whole service may have come and gone unseen', async () => {
  const scripted = small();
  const feed = scripted.feed();
  const [own, moved, some] = [
    listen(feed),
    listen(feed, { resumeFrom: 20n }),
    listen(feed, { resumeFrom: 20n, services: ['nowhere'] }),
  ];
  await settle(scripted);
  for (const told of [own, moved, some]) told.news();
  scripted.mirror.blip(where.services, 21n);
  scripted.mirror.deliver({ watermark: 21n });
  await settle(scripted);
  expect(own.news()).toEqual([]);
  expect(moved.news()[0]).toBe('reset history-too-short');
  expect(moved.ids('orders')).toEqual(['a']);
  expect(some.news()).toEqual(['snapshot nowhere ']);
});

test('events are the same objects for everybody', async () => {
  const scripted = small();
  const feed = scripted.feed();
  const [one, two, some] = [listen(feed), listen(feed), listen(feed, { services: ['orders'] })];
  await settle(scripted);
  const last = (batches: readonly FeedBatch[]) => batches.at(-1)?.events[0];
  scripted.provider('orders', 'c', 21n);
  scripted.mirror.deliver({ watermark: 21n });
  await settle(scripted);
  expect(last(one.batches)).toBe(last(two.batches));
  expect(last(one.batches)).toBe(last(some.batches));
  expect(one.batches.at(-1)).toBe(two.batches.at(-1));
});

test('who takes nothing for a while gets what piled up; who is too far behind begins anew', async () => {
  const scripted = small();
  const feed = scripted.feed({ replayEvents: 10, coalesceMs: 0 });
  const told = listen(feed);
  await settle(scripted);
  const join = (id: string, zxid: bigint): void => {
    scripted.provider('orders', id, zxid);
    scripted.mirror.deliver({ watermark: zxid });
  };
  told.news();
  told.takes = false;
  join('p0', 21n);
  expect(told.news()).toEqual(['joined p0']);
  join('p1', 22n);
  await settle(scripted);
  expect(told.news()).toEqual([]);
  told.takes = true;
  told.subscription.drained();
  await settle(scripted);
  expect(told.news()).toEqual(['joined p1']);
  told.takes = false;
  for (let at = 2; at < 30; at += 1) join(`p${at}`, 30n + BigInt(at));
  told.takes = true;
  told.subscription.drained();
  await settle(scripted);
  expect(told.news()[1]).toBe('reset too-far-behind');
  expect(told.ids('orders')).toHaveLength(31);
});

test('who takes nothing for too long is given up, and nobody waits for it', async () => {
  const scripted = small();
  const feed = scripted.feed();
  const [slow, quick] = [listen(feed), listen(feed)];
  slow.takes = false;
  await settle(scripted);
  await scripted.clock.advance(29_999);
  expect(slow.ends).toEqual([]);
  scripted.provider('orders', 'c', 21n);
  scripted.mirror.deliver({ watermark: 21n });
  expect(quick.ids('orders')).toEqual(['a', 'c']);
  await scripted.clock.advance(1);
  expect(slow.ends).toEqual(['slow']);
  expect(feed.subscribers).toBe(1);
});

test('a subscriber that takes a part of what it was handed now and then is not slow, however long it takes', async () => {
  const scripted = small();
  const { clock } = scripted;
  const told = listen(scripted.feed());
  told.takes = false;
  await settle(scripted);
  for (let round = 0; round < 10; round += 1) {
    await clock.advance(29_000);
    told.subscription.taking();
  }
  expect(told.ends).toEqual([]);
  await clock.advance(29_999);
  expect(told.ends).toEqual([]);
  await clock.advance(1);
  expect(told.ends).toEqual(['slow']);
});

test('a subscriber that throws is given up, and harms nobody else', async () => {
  const scripted = small();
  const errors: unknown[] = [];
  const feed = scripted.feed({}, error => errors.push(error));
  feed.subscribe({
    onBatch() {
      throw new Error('broken');
    },
    onEnd: () => undefined,
  });
  const told = listen(feed);
  await settle(scripted);
  expect(told.ids('orders')).toEqual(['a']);
  expect(errors).toMatchObject([{ message: 'broken' }]);
  expect(feed.subscribers).toBe(1);
});

test('there are at most so many subscribers', () => {
  const scripted = small();
  const feed = scripted.feed({ maxSubscribers: 1 });
  const one = listen(feed);
  expect(() => listen(feed)).toThrow(expect.objectContaining({ code: 'LIMIT_REACHED' }));
  one.subscription.close();
  expect(feed.subscribers).toBe(0);
  listen(feed);
});

test('the truth comes first, then the suspects as a whole set; a hold that lapses tells the set again', async () => {
  const scripted = scriptedView();
  for (let at = 0; at < 4; at += 1)
    scripted.provider('orders', `p${at}`, 10n + BigInt(at), { ephemeralOwner: BigInt(at) + 1n });
  scripted.live(20n);
  const told = listen(scripted.feed());
  await settle(scripted);
  told.news();
  for (let at = 0; at < 4; at += 1) scripted.gone('orders', `p${at}`, 30n);
  scripted.mirror.deliver({ watermark: 30n });
  expect(told.news()).toEqual([
    ...['p0', 'p1', 'p2', 'p3'].map(id => `left ${id} crashed-or-expired`),
    'suspects orders p0,p1,p2,p3',
  ]);
  await scripted.clock.advance(30_000);
  expect(told.news()).toEqual(['suspects orders ']);
});

test('states are told as they change', async () => {
  const scripted = small();
  const told = listen(scripted.feed());
  await settle(scripted);
  told.news();
  scripted.mirror.become({ kind: 'stale', sinceMs: 0 });
  scripted.mirror.become({ kind: 'live' });
  expect(told.news()).toEqual(['state stale', 'state live']);
});

test('when the zxids went back everybody begins anew', async () => {
  const scripted = small();
  const told = listen(scripted.feed());
  await settle(scripted);
  scripted.mirror.become({ kind: 'stale', sinceMs: 0 });
  scripted.mirror.move({ watermark: 0n });
  scripted.gone('orders', 'a', 2n);
  scripted.provider('orders', 'n', 3n);
  scripted.mirror.deliver({ watermark: 5n, reason: 'resync' });
  told.news();
  scripted.mirror.become({ kind: 'live' });
  await settle(scripted);
  expect(told.news()).toContain('reset index-went-back');
  expect(told.ids('orders')).toEqual(['n']);
  expect(told.id).toBe(5n);
});

test('while a large list is handed over in parts, what happens meanwhile is neither lost nor told out of order', async () => {
  const scripted = scriptedView();
  for (let at = 0; at < 40; at += 1) {
    for (let own = 0; own < 100; own += 1) scripted.provider(`service-${at}`, `p${own}`, 10n);
  }
  scripted.live(20n);
  const feed = scripted.feed({ coalesceMs: 0, sliceMs: 0 });
  const told = listen(feed);
  const seen: string[][] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    await scripted.clock.advance(0);
    const zxid = 21n + BigInt(turn);
    for (let at = 0; at < 40; at += 1) scripted.gone(`service-${at}`, `p${turn}`, zxid);
    scripted.mirror.deliver({ watermark: zxid });
    seen.push([...told.ids('service-39')]);
  }
  for (let turn = 0; turn < 60; turn += 1) await scripted.clock.advance(0);
  for (let at = 0; at < 40; at += 1) expect(told.ids(`service-${at}`)).toHaveLength(92);
  expect(told.batches.length).toBeGreaterThan(4);
  expect(told.id).toBe(28n);
  const ids = told.batches.map(({ id }) => id);
  expect(ids).toEqual([...ids].sort((a, b) => Number(a - b)));
});

test('at the shutdown everybody is told', async () => {
  const scripted = small();
  const feed = scripted.feed();
  const told = listen(feed);
  feed.close();
  expect(told.ends).toEqual(['shutdown']);
  expect(() => listen(feed)).toThrow(expect.objectContaining({ code: 'SHUTTING_DOWN' }));
});
