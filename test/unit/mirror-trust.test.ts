import { expect, test } from 'vitest';
import { RollcallError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { mirrorTrust } from '../../src/zookeeper/mirror-trust.ts';

const denied = new RollcallError('NO_AUTH', '/r/a');

function distrusted() {
  const counts: number[] = [];
  const trust = mirrorTrust({ logger: silentLogger, onCount: count => counts.push(count) });
  trust.readFailed('/r/a', denied);
  return { trust, counts, isTrusted: () => !trust.untrusted.has('/r/a') };
}

test('a directory that is listed again is trusted when what its list names has been read', () => {
  const { trust, counts, isTrusted } = distrusted();
  trust.wasRead({ path: '/r/a', stat: { numChildren: 2 } });
  trust.isBeingFilled('/r/a', 5n);
  trust.settled(() => 5n);
  trust.wasRead({ path: '/r/a', stat: { numChildren: 2 } });
  expect([isTrusted(), trust.isUnlisted('/r/a')]).toEqual([false, false]);
  trust.settled(() => undefined);
  expect([isTrusted(), counts]).toEqual([true, [1, 0]]);
});

test('in a directory where something changes all the time, what came in after the list is not waited for', () => {
  const { trust, isTrusted } = distrusted();
  trust.isBeingFilled('/r/a', 5n);
  trust.settled(() => 6n);
  expect(isTrusted()).toBe(true);
});

test('a directory that fails again while it is filled must be listed again', () => {
  const { trust, isTrusted } = distrusted();
  trust.isBeingFilled('/r/a', 5n);
  trust.listFailed('/r/a', denied);
  trust.settled(() => undefined);
  expect([isTrusted(), trust.isUnlisted('/r/a')]).toEqual([false, true]);
});

test('what a re-read finds is trusted when it has been delivered, and not when it is dropped', () => {
  const { trust, isTrusted } = distrusted();
  const dropped = trust.regaining();
  dropped.wasListed('/r/a');
  const kept = trust.regaining();
  kept.wasRead({ path: '/r/a', stat: { numChildren: 2 } });
  kept.wasListed('/r/a');
  expect([isTrusted(), trust.isUnlisted('/r/a')]).toEqual([false, true]);
  kept.delivered();
  expect([isTrusted(), trust.isUnlisted('/r/a')]).toEqual([true, false]);
});

test('in a directory that could be listed again and nothing else, nothing is forgotten', () => {
  const { trust, counts } = distrusted();
  trust.isBeingFilled('/r/b', 5n);
  trust.settled(() => undefined);
  expect([...trust.untrusted.keys()]).toEqual(['/r/a']);
  expect(counts).toEqual([1]);
});
