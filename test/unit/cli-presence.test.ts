import { expect, test } from 'vitest';
import { type Announced, presence } from '../../src/cli/presence.ts';
import { deferred } from '../../src/kernel/abort.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { manualClock } from '../../src/testing/index.ts';

function listing(
  answer: (attempt: number) => Promise<unknown> = async () => undefined,
  some: Partial<Announced> = {},
) {
  const calls: string[] = [];
  const said: string[] = [];
  const clock = manualClock();
  const announced: Announced = {
    update: async ({ status }) => void calls.push(`update ${status}`),
    drain: async () => void calls.push('drain'),
    close: async () => void calls.push('close'),
    ...some,
  };
  let attempts = 0;
  const listed = presence({
    clock,
    random: () => 0.5,
    say: line => void said.push(line),
    async announce(status, signal) {
      calls.push(`announce ${status}`);
      await answer((attempts += 1));
      signal.throwIfAborted();
      return announced;
    },
  });
  return { listed, calls, said, clock };
}

test('it is announced at the first wish, and updated when the wish changes', async () => {
  const { listed, calls } = listing();
  listed.want('up');
  await expect.poll(() => calls).toEqual(['announce up']);
  listed.want('down');
  listed.want('up');
  listed.want('down');
  await expect.poll(() => calls).toEqual(['announce up', 'update down']);
  await listed.leave(1_000);
  expect(calls).toEqual(['announce up', 'update down', 'close']);
});

test('only the last wish counts while the announcement waits', async () => {
  const gate = deferred<void>();
  const { listed, calls } = listing(() => gate.promise);
  listed.want('up');
  listed.want('down');
  await expect.poll(() => calls).toEqual(['announce up']);
  gate.resolve();
  await expect.poll(() => calls).toEqual(['announce up', 'update down']);
});

test('an announcement that is refused is tried again, and told once', async () => {
  const { listed, calls, said, clock } = listing(async attempt => {
    if (attempt < 3) throw new RollcallError('NO_AUTH', 'not allowed');
  });
  listed.want('up');
  await expect.poll(() => calls.length).toBe(1);
  for (let step = 0; step < 4; step += 1) await clock.advance(10_000);
  await expect.poll(() => calls.length).toBe(3);
  expect(said).toEqual(['cannot announce it: not allowed; trying again']);
  await listed.leave(1_000);
  expect(calls.at(-1)).toBe('close');
});

test('a drain that leaving overtakes is no problem to speak of', async () => {
  const overtaken = deferred<void>();
  const { listed, said, calls, clock } = listing(undefined, {
    drain: () => overtaken.promise,
    close: async () =>
      overtaken.reject(new RollcallError('ABORTED', 'the registration was closed')),
  });
  listed.want('up');
  await expect.poll(() => calls).toEqual(['announce up']);
  await clock.advance(0);
  const draining = listed.drain(1_000);
  await listed.leave(1_000);
  await draining;
  expect(said).toEqual([]);
});

test('whoever leaves is not announced any more', async () => {
  const gate = deferred<void>();
  const { listed, calls } = listing(() => gate.promise);
  listed.want('up');
  const left = listed.leave(1_000);
  gate.resolve();
  await left;
  listed.want('down');
  expect(calls).toEqual(['announce up']);
});

test('draining and leaving wait no longer than they are told', async () => {
  const never = new Promise<void>(() => undefined);
  const { listed, said, clock, calls } = listing(undefined, {
    drain: () => never,
    close: () => never,
  });
  listed.want('up');
  await expect.poll(() => calls).toEqual(['announce up']);
  await clock.advance(0);
  const steps = async (work: Promise<void>): Promise<void> => {
    let done = false;
    void work.then(() => (done = true));
    for (let step = 0; step < 20 && !done; step += 1) await clock.advance(1_000);
    await work;
  };
  await steps(listed.drain(2_000));
  await steps(listed.leave(5_000));
  expect(said).toEqual([
    expect.stringContaining('draining took too long'),
    expect.stringContaining('leaving took too long'),
  ]);
});
