import { expect, test } from 'vitest';
import { outbox } from '../../../src/embedded/outbox.ts';
import { sender } from '../../../src/embedded/sender.ts';
import { fairClock, negotiate, sessions } from '../../../src/embedded/sessions.ts';

test('nothing leaves before what was written when it was queued is durable; the order stays', () => {
  const queued = outbox();
  for (const [text, mark] of [
    ['a', 0],
    ['b', 1],
    ['c', 1],
    ['d', 3],
  ] as const)
    queued.queue(Buffer.from(text), mark);
  expect(queued.bytes).toBe(4);
  expect(queued.take(0)?.toString()).toBe('a');
  expect(queued.take(0)).toBeUndefined();
  expect(queued.take(2)?.toString()).toBe('bc');
  queued.queue(Buffer.from('e'), 3);
  expect(queued.take(9)?.toString()).toBe('de');
  expect(queued.bytes).toBe(0);
});

test('connections are sent to once a turn, after the journal was told to write, and again when it has', async () => {
  const told: string[] = [];
  const journal = {
    listen: () => undefined,
    appended: 1,
    durable: 0,
    backlogBytes: 0,
    healthy: true,
    append: () => undefined,
    flush: () => void told.push('write'),
    close: async () => undefined,
  };
  const outgoing = sender(journal);
  const connection = {
    flush(durable: number) {
      told.push(`sent at ${durable}`);
      return durable === 1;
    },
  };
  for (let count = 0; count < 3; count += 1) outgoing.due(connection);
  await new Promise(resolve => void setImmediate(resolve));
  journal.durable = 1;
  outgoing.flush();
  outgoing.flush();
  expect(told).toEqual(['write', 'sent at 0', 'sent at 1']);
});

test('a session lives for its timeout after it was heard, and up to a tick more', () => {
  const table = sessions<undefined>(200);
  const session = table.add(1n, 1_000, 50);
  expect(table.expired(1_050)).toEqual([]);
  expect(table.expired(1_200)).toEqual([session]);
  table.touch(session, 1_100);
  expect(table.expired(2_199)).toEqual([]);
  expect(table.expired(2_200)).toEqual([session]);
  expect([1, 500, 9_999].map(ms => negotiate(ms, { minMs: 400, maxMs: 4_000 }))).toEqual([
    400, 500, 4_000,
  ]);
});

test('what a timer is late does not count against anybody', () => {
  let now = 1_000;
  const fair = fairClock(() => now);
  now = 1_110;
  fair.fired(1_100);
  expect(fair.nowMs()).toBe(1_110);
  now = 9_000;
  fair.fired(1_200);
  expect(fair.nowMs()).toBe(1_200);
  now = 9_050;
  expect(fair.nowMs()).toBe(1_250);
});
