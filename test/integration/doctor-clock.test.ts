import { expect, test } from 'vitest';
import { examineWithProbe } from '../../src/cli/doctor/probe-node.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

/** Ours, so many ms away from the right time. */
const clockOff = (offMs: number): Clock => ({
  ...systemClock,
  wallMs: () => systemClock.wallMs() + offMs,
});

test.each([
  { offMs: -3_600_000, level: 'warn', text: /^ZooKeeper's clock is 3[56]\d{5} ms ahead of ours$/ },
  { offMs: 3_600_000, level: 'warn', text: /^ZooKeeper's clock is 3[56]\d{5} ms behind ours$/ },
  { offMs: 0, level: 'ok', text: /^ZooKeeper's clock / },
])('doctor says of a clock that is $offMs ms off: $level', async ({ offMs, level, text }) => {
  const session = await testSession(await testServers());
  const findings = await examineWithProbe(session, '/rollcall', clockOff(offMs));
  expect(findings).toContainEqual(
    expect.objectContaining({ check: 'clock', level, text: expect.stringMatching(text) }),
  );
});
