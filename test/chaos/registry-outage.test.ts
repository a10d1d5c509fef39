import { expect, onTestFinished, test } from 'vitest';
import { announce, layout, type Registration, subscribe } from '../../src/registry/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { ownZooKeeper, type OwnZooKeeper } from '../support/own-zookeeper.ts';
import { createsOf, testSession } from '../support/session.ts';

const SESSIONS = 5;
const PROVIDERS = 4;
/** Long enough for a busy machine: a server that is back grants each session this time anew. */
const TIMEOUT_MS = 5_000;

interface Crowd {
  readonly zookeeper: OwnZooKeeper;
  readonly sessions: readonly Session[];
  readonly registrations: readonly Registration[];
  readonly nodes: () => Promise<readonly string[]>;
}

async function crowd(timeoutMs = TIMEOUT_MS): Promise<Crowd> {
  const zookeeper = await ownZooKeeper();
  onTestFinished(() => zookeeper.close());
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => testSession(zookeeper.connectString, { timeoutMs })),
  );
  const registrations = await Promise.all(
    sessions.flatMap((session, owner) =>
      Array.from({ length: PROVIDERS }, (_, index) =>
        announce(session, {
          id: `p${owner}-${index}`,
          service: 'orders',
          address: '127.0.0.1',
          port: 8080,
        }),
      ),
    ),
  );
  const nodes = async (): Promise<readonly string[]> => {
    const observer = await testSession(zookeeper.connectString);
    const { children } = await observer.getChildren(layout().providers('orders'));
    return [...children].sort();
  };
  return { zookeeper, sessions, registrations, nodes };
}

const allProven = (registrations: readonly Registration[]): Promise<void> =>
  eventually(
    () => expect(registrations.map(({ proof }) => proof.state)).not.toContain('unproven'),
    { timeout: 60_000 },
  );

const allLost = (sessions: readonly Session[]): Promise<void> =>
  eventually(() => expect(sessions.every(({ state }) => state.kind === 'lost')).toBe(true), {
    timeout: 30_000,
  });

test('after an outage of three session timeouts every provider is there as it was, without a single create', async () => {
  const { zookeeper, sessions, registrations, nodes } = await crowd();
  const before = await nodes();
  const creates = sessions.map(createsOf);
  const downSinceMs = performance.now();
  await zookeeper.kill();
  await allLost(sessions);
  expect(registrations.map(({ proof }) => proof.state)).not.toContain('proven');
  await eventually(() => expect(performance.now() - downSinceMs).toBeGreaterThan(3 * TIMEOUT_MS), {
    timeout: 30_000,
  });
  await zookeeper.start();
  await allProven(registrations);
  expect(await nodes()).toEqual(before);
  expect(sessions.map(createsOf)).toEqual(creates);
  expect(sessions.map(({ epoch }) => epoch)).toEqual(sessions.map(() => 2));
});

test('when a frozen server expired the sessions, every provider is made again, exactly once', async () => {
  const { zookeeper, sessions, registrations, nodes } = await crowd();
  const before = await nodes();
  const creates = sessions.map(createsOf);
  const owners = sessions.map(({ sessionId }) => sessionId);
  zookeeper.freeze();
  await allLost(sessions);
  zookeeper.thaw();
  await allProven(registrations);
  const after = await nodes();
  expect(after).toHaveLength(before.length);
  const renewed = sessions.filter(({ sessionId }, index) => sessionId !== owners[index]);
  const made = sessions.map((session, index) => createsOf(session) - (creates[index] ?? 0));
  expect(made).toEqual(sessions.map(session => (renewed.includes(session) ? PROVIDERS : 0)));
});

test('a subscriber outlives a restart of the server with the same set, and tells of no change', async () => {
  // Long enough for a slow restart: a session that expires in it would be a change to tell of.
  const { zookeeper, registrations } = await crowd(3 * TIMEOUT_MS);
  const session = await testSession(zookeeper.connectString, { timeoutMs: 3 * TIMEOUT_MS });
  await using subscription = subscribe(session, 'orders');
  await subscription.ready();
  const before = subscription.providers();
  const told: string[] = [];
  subscription.onEvent(({ type }) => told.push(type));
  await zookeeper.kill();
  await eventually(() => expect(subscription.state.kind).toBe('stale'), { timeout: 30_000 });
  expect(subscription.providers()).toBe(before);
  await zookeeper.start();
  await eventually(() => expect(subscription.state.kind).toBe('live'), { timeout: 60_000 });
  await allProven(registrations);
  expect(subscription.providers()).toEqual(before);
  expect(new Set(told)).toEqual(new Set(['set', 'state']));
});
