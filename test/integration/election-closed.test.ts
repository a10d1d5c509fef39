import { expect, test } from 'vitest';
import { openElection } from '../../src/recipes/index.ts';
import { eventually } from '../support/eventually.ts';
import { testSession } from '../support/session.ts';
import { testServers } from '../support/zookeeper.ts';

const path = '/elections/master';

test('a session that is closed ends the wait of its members and of its observers', async () => {
  const servers = await testServers();
  const leading = await testSession(servers);
  await leading.ensurePath(path);
  const first = await leading.create(`${path}/_c_f00d-latch-`, Buffer.from('a'), {
    mode: 'ephemeral-sequential',
  });
  const session = await testSession(servers);
  await using election = openElection(session, path, { id: 'b' });
  const looks = (): number => session.requestCounts['exists'] ?? 0;
  const waiting = election.lead(() => Promise.reject(new Error('never')));
  waiting.catch(() => undefined);
  await eventually(() => expect(looks()).toBe(1));
  const observing = (async () => {
    for await (const seen of election.observe()) expect(seen?.id).toBe('a');
  })();
  observing.catch(() => undefined);
  await eventually(() => expect(looks()).toBe(2));
  await session.sync('/');
  await session.close();
  await expect(waiting).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
  await expect(observing).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
  expect(await leading.getChildren(path)).toMatchObject({
    children: [first.path.slice(path.length + 1)],
  });
});
