import { expect, test } from 'vitest';
import {
  PROTECTION_DEFAULTS,
  type ProtectionSettings,
  protectionTracker,
} from '../../src/registry/index.ts';

interface Leave {
  readonly id: string;
  readonly session?: bigint;
  readonly atMs?: number;
  readonly drained?: boolean;
}

/** Plays the leaves on a service of `size`; returns who became a suspect, in order. */
function play(
  size: number,
  leaves: readonly Leave[],
  settings: Partial<ProtectionSettings> = {},
): string[] {
  const tracker = protectionTracker<string>({ ...PROTECTION_DEFAULTS, ...settings });
  return leaves.flatMap(({ id, session = BigInt(id), atMs = 0, drained = false }, index) => [
    ...tracker.left(id, { id, sessionId: session, atMs, drained }, size - index).suspected,
  ]);
}

const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(index + 1));
const leaves = (count: number, more: Partial<Leave> = {}): Leave[] =>
  ids(count).map(id => ({ id, ...more }));

test.each([
  { name: 'one of ten alone is simply gone', size: 10, gone: leaves(1), suspects: [] },
  { name: 'one of one is simply gone', size: 1, gone: leaves(1), suspects: [] },
  { name: 'two of two are fewer than three', size: 2, gone: leaves(2), suspects: [] },
  { name: 'three of three are all suspects', size: 3, gone: leaves(3), suspects: ids(3) },
  { name: 'six of ten are below the ratio', size: 10, gone: leaves(6), suspects: [] },
  { name: 'seven of ten are exactly the ratio', size: 10, gone: leaves(7), suspects: ids(7) },
  { name: 'the eighth of ten joins the seven', size: 10, gone: leaves(8), suspects: ids(8) },
  {
    name: 'ten of one session are one event',
    size: 10,
    gone: leaves(10, { session: 1n }),
    suspects: [],
  },
  {
    name: 'drained ones never become suspects',
    size: 10,
    gone: leaves(10, { drained: true }),
    suspects: [],
  },
])('of a service, $name', ({ size, gone, suspects }) => {
  expect(play(size, gone)).toEqual(suspects);
});

test('vanishings further apart than the window do not add up', () => {
  const slowly = ids(10).map((id, index) => ({ id, atMs: index * 2_001 }));
  expect(play(10, slowly)).toEqual([]);
});

test('the window slides: what vanished long before does not count, neither as vanished nor as a provider', () => {
  const gone = [
    { id: '1', atMs: 0 },
    { id: '2', atMs: 5_000 },
    { id: '3', atMs: 5_001 },
    { id: '4', atMs: 5_002 },
  ];
  expect(play(5, gone)).toEqual(['2', '3', '4']);
});

test('drained ones among the crashed neither count nor are kept', () => {
  const gone = [...leaves(3, { drained: true }), { id: '4' }, { id: '5' }, { id: '6' }];
  expect(play(6, gone)).toEqual(['4', '5', '6']);
});

test('protection that is switched off suspects nobody', () => {
  expect(play(10, leaves(10), { enabled: false })).toEqual([]);
});

test('a suspect is kept until its hold lapses, and let go exactly once', () => {
  const tracker = protectionTracker<string>();
  for (const [index, id] of ids(3).entries()) {
    tracker.left(id, { id, sessionId: BigInt(id), atMs: index, drained: false }, 3 - index);
  }
  expect(tracker.nextDeadlineMs()).toBe(30_000);
  expect(tracker.expire(29_999).released).toEqual([]);
  expect(tracker.expire(30_001).released).toEqual(['1', '2']);
  expect(tracker.nextDeadlineMs()).toBe(30_002);
  expect(tracker.expire(99_999).released).toEqual(['3']);
  expect(tracker.nextDeadlineMs()).toBeUndefined();
  expect(tracker.suspects.size).toBe(0);
});

test('a suspect that comes back is none, and no longer counts as vanished', () => {
  const tracker = protectionTracker<string>();
  for (const id of ids(3)) {
    tracker.left(id, { id, sessionId: BigInt(id), atMs: 0, drained: false }, 4 - Number(id));
  }
  expect(tracker.returned('2')).toBe('2');
  expect(tracker.returned('2')).toBeUndefined();
  expect([...tracker.suspects.keys()]).toEqual(['1', '3']);
});

test('one that came back within the window does not help others over the threshold', () => {
  const tracker = protectionTracker<string>();
  const leave = (id: string, before: number) =>
    tracker.left(id, { id, sessionId: BigInt(id), atMs: 0, drained: false }, before).suspected;
  expect(leave('1', 3)).toEqual([]);
  tracker.returned('1');
  expect(leave('2', 3)).toEqual([]);
  expect(leave('3', 2)).toEqual([]);
  expect(leave('1', 1)).toEqual(['2', '3', '1']);
});

test('says in one sentence why somebody is suspected', () => {
  const tracker = protectionTracker<string>();
  for (const id of ids(3)) {
    tracker.left(id, { id, sessionId: BigInt(id), atMs: 0, drained: false }, 4 - Number(id));
  }
  expect(tracker.suspects.get('1')?.reason).toBe(
    '3 of 3 providers, of 3 sessions, vanished within 2000 ms without having drained',
  );
});

test('never keeps more suspects than it was allowed', () => {
  const tracker = protectionTracker<string>({ ...PROTECTION_DEFAULTS, maxSuspects: 5 });
  for (const id of ids(20)) {
    tracker.left(id, { id, sessionId: BigInt(id), atMs: 0, drained: false }, 21 - Number(id));
  }
  expect(tracker.suspects.size).toBeLessThanOrEqual(5);
});
