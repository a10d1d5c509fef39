import { expect, test } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import { lane, latest } from '../../src/kernel/lane.ts';

test('a lane runs one thing after another, and a failure does not stop it', async () => {
  const inTurn = lane();
  const order: string[] = [];
  const first = inTurn(async () => {
    await Promise.resolve();
    order.push('first');
    throw new Error('first failed');
  });
  const second = inTurn(() => void order.push('second'));
  await expect(first).rejects.toThrow('first failed');
  await second;
  await inTurn.idle();
  expect(order).toEqual(['first', 'second']);
});

test('calls during a run fold into one run that follows it', async () => {
  const gates = [deferred<void>(), deferred<void>()];
  let runs = 0;
  const look = latest(async () => {
    runs += 1;
    await gates[runs - 1]?.promise;
  });
  const all = [look(), look(), look()];
  gates[0]?.resolve();
  gates[1]?.resolve();
  await Promise.all(all);
  expect(runs).toBe(2);
});

test('two runs are never under way at once, whenever in the end of a run the next call comes', async () => {
  for (let delay = 0; delay < 12; delay += 1) {
    let underWay = 0;
    let most = 0;
    let late: Promise<void> | undefined;
    const look = latest(async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await Promise.resolve();
      await Promise.resolve();
      underWay -= 1;
    });
    const callLate = async (): Promise<void> => {
      for (let turn = 0; turn < delay; turn += 1) await Promise.resolve();
      late = look();
    };
    const called = callLate();
    await Promise.all([look(), look(), called]);
    await late;
    await look();
    expect(most).toBe(1);
  }
});
