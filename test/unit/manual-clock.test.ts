import { expect, test } from 'vitest';
import { manualClock } from '../../src/testing/index.ts';

test('advance fires timers in the order of their moments, each at its own moment', async () => {
  const clock = manualClock();
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name}@${clock.nowMs()}`);
  clock.after(30, note('late'));
  clock.after(10, note('early'));
  clock.after(10, note('early too'));
  clock.after(31, note('not yet'));
  await clock.advance(30);
  expect(fired).toEqual(['early@10', 'early too@10', 'late@30']);
  expect(clock.nowMs()).toBe(30);
  expect(clock.pendingTimers).toBe(1);
});

test('a timer that a fired one sets fires in the same advance when it is due', async () => {
  const clock = manualClock();
  const ticks: number[] = [];
  const tick = (): void => {
    ticks.push(clock.nowMs());
    clock.after(10, tick);
  };
  clock.after(10, tick);
  await clock.advance(35);
  expect(ticks).toEqual([10, 20, 30]);
});

test('what awaits a sleep runs on before the next timer fires', async () => {
  const clock = manualClock();
  const seen: number[] = [];
  const twice = async (): Promise<void> => {
    await clock.sleep(10);
    seen.push(clock.nowMs());
    await clock.sleep(10);
    seen.push(clock.nowMs());
  };
  const done = twice();
  await clock.advance(100);
  await done;
  expect(seen).toEqual([10, 20]);
});

test('a jump makes timers late, as a pause of the process does', async () => {
  const clock = manualClock();
  const fired: number[] = [];
  clock.after(10, () => fired.push(clock.nowMs()));
  clock.jump(500);
  expect(fired).toEqual([]);
  await clock.advance(0);
  expect(fired).toEqual([500]);
});

test('a cancelled timer does not fire, and an aborted sleep rejects with the reason and leaves no timer', async () => {
  const clock = manualClock();
  let fired = false;
  const timer = clock.after(5, () => {
    fired = true;
  });
  timer.cancel();
  const giveUp = new AbortController();
  const slept = clock.sleep(5, giveUp.signal);
  const reason = new Error('enough');
  giveUp.abort(reason);
  await expect(slept).rejects.toBe(reason);
  await clock.advance(10);
  expect(fired).toBe(false);
  expect(clock.pendingTimers).toBe(0);
});

test('the wall clock goes on with the time and can be set alone', async () => {
  const clock = manualClock({ nowMs: 1_000, wallMs: 50_000 });
  await clock.advance(10);
  expect([clock.nowMs(), clock.wallMs()]).toEqual([1_010, 50_010]);
  clock.setWallMs(7);
  clock.jump(1);
  expect([clock.nowMs(), clock.wallMs()]).toEqual([1_011, 8]);
});
