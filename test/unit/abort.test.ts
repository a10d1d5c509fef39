import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { abortable, onAbort } from '../../src/kernel/abort.ts';

test('a thousand who wait for one signal take one listener of it, and each hears of it once', () => {
  const controller = new AbortController();
  const heard: number[] = [];
  for (let who = 0; who < 1_000; who += 1) onAbort(controller.signal, () => heard.push(who));
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  controller.abort();
  controller.abort();
  expect(heard).toEqual(Array.from({ length: 1_000 }, (_, who) => who));
});

test('who has taken it back hears nothing, even while the others are told', () => {
  const controller = new AbortController();
  const heard: string[] = [];
  const forgetFirst = onAbort(controller.signal, () => heard.push('first'));
  onAbort(controller.signal, () => {
    heard.push('second');
    forgetThird();
  });
  const forgetThird = onAbort(controller.signal, () => heard.push('third'));
  forgetFirst();
  controller.abort();
  expect(heard).toEqual(['second']);
});

test('the same function twice is called twice, and taken back once at a time', () => {
  const controller = new AbortController();
  let times = 0;
  const undo = (): void => void (times += 1);
  const forget = onAbort(controller.signal, undo);
  onAbort(controller.signal, undo);
  onAbort(controller.signal, undo);
  forget();
  forget();
  controller.abort();
  expect(times).toBe(2);
});

test('who comes after the abort is told at once', async () => {
  const reason = new Error('over');
  const signal = AbortSignal.abort(reason);
  let times = 0;
  onAbort(signal, () => void (times += 1))();
  expect(times).toBe(1);
  await expect(abortable(new Promise(() => undefined), signal)).rejects.toBe(reason);
});
