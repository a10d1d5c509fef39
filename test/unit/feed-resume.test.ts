import { expect, test } from 'vitest';
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

test('who resumes is told what changed and who left since, and whole sets of suspects', async () => {
  const scripted = scriptedView();
  scripted.provider('orders', 'a', 10n);
  scripted.provider('billing', 'b', 11n);
  scripted.mirror.put(where.override('billing', 'other'), '{"drain":true}', { zxid: 12n });
  scripted.live(20n);
  scripted.gone('orders', 'a', 21n);
  scripted.provider('orders', 'c', 22n);
  scripted.mirror.put(where.override('billing', 'b'), '{"drain":true}', { zxid: 23n });
  scripted.mirror.deliver({ watermark: 25n });
  const told = listen(scripted.feed(), { resumeFrom: 20n });
  await settle(scripted);
  expect(told.news().sort()).toEqual(
    [
      'changed b',
      'joined c',
      'left a crashed-or-expired',
      'state live',
      'suspects billing ',
      'suspects orders ',
    ].sort(),
  );
  expect(told.id).toBe(25n);
  const later = listen(scripted.feed(), { resumeFrom: 25n, services: ['orders'] });
  await settle(scripted);
  expect(later.news()).toEqual(['suspects orders ', 'state live']);
});

test('a change of who speaks for an id is told to who resumes, also when the one that speaks now is older', async () => {
  const scripted = scriptedView();
  scripted.provider('orders', 'a', 10n, { node: 'n-1' });
  scripted.provider('orders', 'a', 15n, { node: 'n-2', record: { port: 81 } });
  scripted.live(20n);
  scripted.gone('orders', 'n-2', 30n);
  scripted.mirror.deliver({ watermark: 30n });
  const told = listen(scripted.feed(), { resumeFrom: 25n });
  await settle(scripted);
  expect(told.news()).toContain('changed a');
});

test('a replica that began later than where a subscriber was sends a snapshot of what changed, and nothing of the rest', async () => {
  const scripted = small();
  scripted.provider('orders', 'c', 22n);
  scripted.mirror.deliver({ watermark: 25n });
  const told = listen(scripted.feed(), { resumeFrom: 11n });
  await settle(scripted);
  expect(told.news().sort()).toEqual(['snapshot orders a,c', 'state live', 'suspects billing ']);
});

test('when services may have come and gone unseen, who takes all of them begins anew', async () => {
  const scripted = small();
  const told = listen(scripted.feed(), { resumeFrom: 10n });
  await settle(scripted);
  expect(told.news()[0]).toBe('reset history-too-short');
  expect(told.ids('orders')).toEqual(['a']);
});

test('tombstones that had to be forgotten make a snapshot of their service', async () => {
  const scripted = scriptedView({ maxTombstones: 2 });
  for (const [at, id] of ['a', 'b', 'c', 'd'].entries())
    scripted.provider('orders', id, 10n + BigInt(at), { ephemeralOwner: 7n });
  scripted.live(20n);
  for (const [at, id] of ['a', 'b', 'c'].entries()) scripted.gone('orders', id, 21n + BigInt(at));
  scripted.mirror.deliver({ watermark: 30n });
  const [early, late] = [
    listen(scripted.feed(), { resumeFrom: 20n }),
    listen(scripted.feed(), { resumeFrom: 21n }),
  ];
  await settle(scripted);
  expect(early.news()).toContain('snapshot orders d');
  expect(late.news()).toEqual(
    expect.arrayContaining(['left b crashed-or-expired', 'left c crashed-or-expired']),
  );
});

test('a node that came and went unseen here, but was seen by another replica, makes a snapshot', async () => {
  const scripted = small();
  scripted.mirror.blip(where.providers('orders'), 25n);
  scripted.mirror.deliver({ watermark: 25n });
  const [early, late] = [
    listen(scripted.feed(), { resumeFrom: 24n }),
    listen(scripted.feed(), { resumeFrom: 25n }),
  ];
  await settle(scripted);
  expect(early.news()).toContain('snapshot orders a');
  expect(late.news()).not.toContain('snapshot orders a');
});

test('a service that went is told of by its providers’ leaves', async () => {
  const scripted = small();
  scripted.mirror.remove(where.service('orders'), 21n);
  scripted.mirror.deliver({ watermark: 21n });
  const told = listen(scripted.feed(), { resumeFrom: 20n });
  await settle(scripted);
  expect(told.news().filter(event => !event.startsWith('suspects'))).toEqual([
    'snapshot orders ',
    'state live',
  ]);
});

test('who knows more than this replica is held until it has caught up', async () => {
  const scripted = small();
  const told = listen(scripted.feed(), { resumeFrom: 30n });
  await settle(scripted);
  expect(told.batches).toEqual([]);
  scripted.provider('orders', 'c', 29n);
  scripted.mirror.deliver({ watermark: 29n });
  await settle(scripted);
  expect(told.batches).toEqual([]);
  scripted.mirror.move({ watermark: 30n });
  await settle(scripted);
  expect(told.news().filter(event => !event.startsWith('suspects'))).toEqual(['state live']);
});

test('a hold that lapses ends in a reset and snapshots', async () => {
  const scripted = small();
  const told = listen(scripted.feed(), { resumeFrom: 30n });
  await scripted.clock.advance(10_000);
  await settle(scripted);
  expect(told.news()[0]).toBe('reset behind-replica');
  expect(told.ids('orders')).toEqual(['a']);
  expect(told.id).toBe(20n);
});
