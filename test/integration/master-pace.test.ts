import { expect, onTestFinished, test } from 'vitest';
import { flapWindow } from '../../src/aggregator/derive/flaps.ts';
import { derivedReader } from '../../src/aggregator/derived.ts';
import { masterDuty } from '../../src/aggregator/master-duty.ts';
import { silentLogger } from '../../src/kernel/log.ts';
import { eventually } from '../support/eventually.ts';
import { scriptedView, where } from '../support/scripted-view.ts';
import { testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

test('a change is written down only when others have had the time to come: those who wait for it come first', async () => {
  const session = await testSession(await testServers());
  await session.ensurePath(where.root);
  const scripted = scriptedView();
  const { view, clock, mirror } = scripted;
  scripted.live(10n);
  const over = new AbortController();
  const writes: string[] = [];
  const duty = masterDuty(
    {
      session,
      where,
      view,
      clock,
      derived: derivedReader(where).snapshot,
      flaps: flapWindow(),
      id: 'a',
      logger: silentLogger,
      onWrite: result => writes.push(result),
      everyMs: 200,
      sweepEveryMs: 3_600_000,
    },
    { token: 1n, signal: over.signal, guard: transaction => transaction },
  );
  onTestFinished(async () => {
    over.abort();
    await duty;
  });
  // `/derived`, its directory of summaries, one shard, the overview.
  await eventually(() => expect(writes).toHaveLength(4));
  await eventually(() => expect(clock.pendingTimers).toBeGreaterThan(0)); // the first round is over
  await clock.advance(200);

  scripted.provider('orders', 'o-1', 11n);
  mirror.deliver({ watermark: 11n });
  scripted.provider('orders', 'o-2', 12n);
  mirror.deliver({ watermark: 12n });
  await clock.advance(199);
  // What was sent before it is answered before it.
  await session.sync('/');
  expect(writes).toHaveLength(4);

  await clock.advance(1);
  await eventually(() => expect(writes).toHaveLength(6));
  await clock.advance(1_000);
  await session.sync('/');
  expect(writes).toEqual(Array.from({ length: 6 }, () => 'ok'));
});
