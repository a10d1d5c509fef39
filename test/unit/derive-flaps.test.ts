import { expect, test } from 'vitest';
import { flapWindow } from '../../src/aggregator/derive/flaps.ts';

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
