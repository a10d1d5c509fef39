import { expect, test } from 'vitest';
import { liveness } from '../../../src/zookeeper/liveness.ts';

test('deadlines count from the send time of the newest answered request', () => {
  const alive = liveness(9000);
  alive.negotiated(6000, 1000);
  expect([alive.pingDueMs(), alive.suspectAtMs(), alive.lostAtMs()]).toEqual([3000, 5000, 7000]);
  alive.answered(2000);
  alive.answered(1500);
  expect([alive.pingDueMs(), alive.suspectAtMs(), alive.lostAtMs()]).toEqual([4000, 6000, 8000]);
});

test('a ping that is on its way delays the next one, not the deadlines', () => {
  const alive = liveness(6000);
  alive.negotiated(6000, 0);
  alive.pinged(2000);
  expect([alive.pingDueMs(), alive.suspectAtMs(), alive.lostAtMs()]).toEqual([4000, 4000, 6000]);
});

test('a handshake begins anew: pings of the connection before it do not count', () => {
  const alive = liveness(6000);
  alive.negotiated(6000, 0);
  alive.pinged(9000);
  alive.negotiated(3000, 5000);
  expect([alive.pingDueMs(), alive.suspectAtMs(), alive.lostAtMs()]).toEqual([6000, 7000, 8000]);
});
