import { expect, test } from 'vitest';
import { flapWindow } from '../../src/aggregator/derive/flaps.ts';
import { flapNotes } from '../../src/aggregator/master.ts';
import type { ViewTransition } from '../../src/aggregator/transitions.ts';
import { manualClock } from '../../src/testing/index.ts';
import { listed } from '../support/derived-facts.ts';

const MINUTE = 60_000;

test('a first start and a final stop are no flaps', () => {
  const flaps = flapWindow();
  flaps.record('orders', 'a', 'joined', 0);
  flaps.record('orders', 'b', 'joined', 0);
  flaps.record('orders', 'a', 'left', 11 * MINUTE);
  expect(flaps.score('orders', 11 * MINUTE)).toBe(0);
});

test('each leave soon after a join of the same id counts, and each join soon after its leave', () => {
  const flaps = flapWindow();
  flaps.record('orders', 'a', 'joined', 0);
  flaps.record('orders', 'a', 'left', 1000);
  flaps.record('orders', 'b', 'joined', 1500);
  flaps.record('orders', 'a', 'joined', 2000);
  flaps.record('orders', 'a', 'joined', 2500);
  expect(flaps.score('orders', 3000)).toBe(2);
  expect(flaps.score('payments', 3000)).toBe(0);
});

test('the score falls as flaps leave the window, and says for whom', () => {
  const flaps = flapWindow({ windowMs: 1000 });
  flaps.record('orders', 'a', 'joined', 0);
  flaps.record('orders', 'a', 'left', 400);
  flaps.record('orders', 'a', 'joined', 800);
  expect(flaps.expire(1000)).toEqual([]);
  expect(flaps.expire(1400)).toEqual(['orders']);
  expect(flaps.score('orders', 1400)).toBe(1);
  expect(flaps.expire(1800)).toEqual(['orders']);
  expect(flaps.score('orders', 1800)).toBe(0);
  expect(flaps.size).toBe(0);
});

test('what is remembered is bounded in ids and in flaps', () => {
  const flaps = flapWindow({ maxIds: 10, maxScore: 5 });
  for (let round = 0; round < 50; round += 1) {
    for (let id = 0; id < 20; id += 1) {
      flaps.record('orders', `id-${id}`, round % 2 === 0 ? 'joined' : 'left', round);
    }
  }
  for (let round = 0; round < 50; round += 1) {
    flaps.record('payments', 'one', round % 2 === 0 ? 'joined' : 'left', round);
  }
  expect(flaps.size).toBeLessThanOrEqual(10 + 5 + 5);
  expect(flaps.score('payments', 50)).toBe(5);
});

test('services that flapped once each are bounded like ids, and the longest untouched go first', () => {
  const flaps = flapWindow({ maxIds: 10 });
  for (let at = 0; at < 100; at += 1) {
    flaps.record(`job-${at}`, 'a', 'joined', at);
    flaps.record(`job-${at}`, 'a', 'left', at);
  }
  expect(flaps.size).toBe(20);
  expect(flaps.score('job-89', 100)).toBe(0);
  expect(flaps.score('job-90', 100)).toBe(1);
});

const flap = (service: string): readonly ViewTransition[] => {
  const provider = listed('a');
  const facts = {
    service,
    id: 'a',
    znode: provider.znode,
    sessionId: 1n,
    czxid: 1n,
    zxid: 1n,
    reason: 'watch',
    atWallMs: 0,
  } as const;
  return [
    { ...facts, kind: 'joined', provider },
    { ...facts, kind: 'left', previous: provider, how: 'gone', drained: false },
  ];
};

test('a replica that is not the master forgets what left the window, though nobody derives from it', async () => {
  const clock = manualClock();
  const flaps = flapWindow();
  const note = flapNotes(flaps, clock, () => false);
  for (let at = 0; at < 100; at += 1) {
    note(flap(`job-${at}`));
    await clock.advance(MINUTE);
  }
  expect(flaps.size).toBeLessThanOrEqual(2 * 11);
  expect(flaps.score('job-99', clock.nowMs())).toBe(1);
});

test('the master is told of each score that falls: notes do not forget for it', async () => {
  const clock = manualClock();
  const flaps = flapWindow();
  const note = flapNotes(flaps, clock, () => true);
  note(flap('orders'));
  await clock.advance(11 * MINUTE);
  note(flap('billing'));
  expect(flaps.expire(clock.nowMs())).toEqual(['orders']);
});
