import { expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import { openElection } from '../../src/recipes/index.ts';
import { eventually } from '../support/eventually.ts';
import { ownZooKeeper } from '../support/own-zookeeper.ts';
import { testSession } from '../support/session.ts';

const path = '/elections/master';

test('a hold that was lost in an outage has ended, though its session is taken up again: its node goes, the next token is higher', async () => {
  const zookeeper = await ownZooKeeper();
  onTestFinished(() => zookeeper.close());
  const session = await testSession(zookeeper.connectString, { timeoutMs: 6_000 });
  const election = openElection(session, path, { id: 'a' });
  onTestFinished(() => election.close());
  const terms: { readonly token: bigint; readonly reason: Promise<unknown> }[] = [];
  const led = election.lead(async ({ token, signal }) => {
    const over = deferred<unknown>();
    signal.addEventListener('abort', () => over.resolve(signal.reason), { once: true });
    terms.push({ token, reason: over.promise });
    await over.promise;
  });
  led.catch(() => undefined);
  await eventually(() => expect(terms).toHaveLength(1));
  const { sessionId } = session;
  await zookeeper.kill();
  expect(await terms[0]?.reason).toMatchObject({ code: 'CONNECTION_LOSS' });
  await eventually(() => expect(session.state.kind).toBe('lost'));
  expect(terms).toHaveLength(1);
  await zookeeper.start();
  await eventually(() => expect(terms).toHaveLength(2), { timeout: 60_000 });
  expect(session.sessionId).toBe(sessionId);
  expect(terms[1]?.token).toBeGreaterThan(terms[0]?.token ?? 0n);
  const { children } = await session.getChildren(path);
  expect(children).toHaveLength(1);
});
