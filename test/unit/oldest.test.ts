import { expect, test } from 'vitest';
import { oldestOf } from '../../src/aggregator/oldest.ts';

test('the oldest goes first, by its last touch, also after the set ran dry and was filled again', () => {
  const set = new Set([1, 2, 3]);
  const oldest = oldestOf(set);
  const take = (): number | undefined => {
    const key = oldest();
    if (key !== undefined) set.delete(key);
    return key;
  };
  expect(take()).toBe(1);
  set.delete(2);
  set.add(2);
  expect([take(), take(), take()]).toEqual([3, 2, undefined]);
  set.add(4).add(5);
  set.delete(4);
  expect([take(), take()]).toEqual([5, undefined]);
});

test('a full memory that forgets one for each that comes walks over nothing twice', () => {
  const map = new Map<number, string>();
  let walks = 0;
  const oldest = oldestOf({
    keys() {
      walks += 1;
      return map.keys();
    },
  });
  for (let at = 0; at < 10_000; at += 1) {
    map.set(at, '');
    if (map.size <= 100) continue;
    const key = oldest();
    expect(key).toBe(at - 100);
    if (key !== undefined) map.delete(key);
  }
  expect(walks).toBe(1);
});
