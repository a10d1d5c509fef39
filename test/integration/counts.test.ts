import { expect, onTestFinished, test } from 'vitest';
import { encodeRecord, layout, makeProvider } from '../../src/registry/index.ts';
import type { Created, Session } from '../../src/zookeeper/index.ts';
import { testSession } from '../support/session.ts';
import { startSystem, type System } from '../support/system.ts';
import { testServers } from '../support/zookeeper.ts';

const WAIT = { timeout: 60_000, interval: 10 };
const PROVIDERS = 10_000;
const SESSIONS = 25;
const where = layout();
const directory = where.providers('big');

/** What goes to the server to learn something. */
const READS = [
  'getData',
  'getChildren',
  'getChildren2',
  'exists',
  'multiRead',
  'getAllChildrenNumber',
];

const readsOf = ({ requestCounts }: Session): Readonly<Record<string, number>> =>
  Object.fromEntries(READS.map(operation => [operation, requestCounts[operation] ?? 0]));

/** What was read while `change` happened and until `seen` is true. */
async function readsDuring(
  { session }: System,
  change: () => Promise<void>,
  seen: () => boolean,
): Promise<Readonly<Record<string, number>>> {
  const before = readsOf(session);
  await change();
  await expect.poll(seen, WAIT).toBe(true);
  // Whatever else the change called for went out before the answer to this question.
  await session.sync('/');
  const after = readsOf(session);
  const entries = READS.map(name => [name, (after[name] ?? 0) - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}

const provide = (session: Session, id: string): Promise<Created> => {
  const record = makeProvider({ v: 1, id, service: 'big', address: '10.0.0.5', port: 80 });
  return session.create(`${directory}/${id}-`, encodeRecord(record), {
    mode: 'ephemeral-sequential',
  });
};

/** Ten thousand providers, spread so that no session owns more than a server can end at once. */
async function populate(servers: string): Promise<readonly Session[]> {
  const sessions: Session[] = [];
  for (let index = 0; index < SESSIONS; index += 1) {
    sessions.push(await testSession(servers, { timeoutMs: 30_000 }));
  }
  const [first] = sessions;
  if (first === undefined) throw new Error('there is no session');
  await first.ensurePath(directory);
  await Promise.all(
    sessions.map(async (session, owner) => {
      for (let round = 0; round < PROVIDERS / SESSIONS / 50; round += 1) {
        const ids = Array.from({ length: 50 }, (_, index) => `p-${owner}-${round * 50 + index}`);
        await Promise.all(ids.map(id => provide(session, id)));
      }
    }),
  );
  return sessions;
}

/** Stands first in the election, so that no aggregator writes derived state of its own meanwhile, and reads it back. */
async function takeTheLead(session: Session): Promise<void> {
  await session.ensurePath(where.election);
  await session.create(`${where.election}/_c_test-latch-`, Buffer.from('test'), {
    mode: 'ephemeral-sequential',
  });
}

/** Its own node says that its view is live, and nothing that this called for is still to be read. */
async function isAtRest({ session }: System, observer: Session): Promise<void> {
  const written = async (): Promise<string> => {
    const [name] = (await observer.getChildren(where.members)).children;
    return (await observer.getData(`${where.members}/${name}`)).data.toString('utf8');
  };
  await expect.poll(written, WAIT).toContain('"view":"live"');
  const readsBetweenAnswers = async (): Promise<boolean> => {
    const before = readsOf(session);
    for (let answers = 0; answers < 3; answers += 1) await session.sync('/');
    return JSON.stringify(readsOf(session)) !== JSON.stringify(before);
  };
  await expect.poll(readsBetweenAnswers, WAIT).toBe(false);
}

test('with ten thousand providers a join is one read of one node, a change too, and a leave is one stat', async () => {
  const servers = await testServers();
  const [owner] = await populate(servers);
  if (owner === undefined) throw new Error('there is no session');
  await takeTheLead(owner);
  const system = await startSystem(servers);
  onTestFinished(() => system.close());
  const { view } = system.aggregator;
  const total = (): number => view.service('big').counts.total;
  expect(total()).toBe(PROVIDERS);
  await isAtRest(system, owner);

  let path = '';
  const joining = await readsDuring(
    system,
    async () => void ({ path } = await provide(owner, 'late')),
    () => total() === PROVIDERS + 1,
  );
  expect(joining).toEqual({ getData: 1 });

  const weightOf = (): number | undefined =>
    view.service('big').providers.find(({ id }) => id === 'late')?.record.weight;
  const record = { v: 1, id: 'late', service: 'big', address: '10.0.0.5', port: 80, weight: 7 };
  const changing = await readsDuring(
    system,
    async () => void (await owner.setData(path, Buffer.from(JSON.stringify(record)), -1)),
    () => weightOf() === 7,
  );
  expect(changing).toEqual({ getData: 1 });

  const leaving = await readsDuring(
    system,
    () => owner.remove(path, -1),
    () => total() === PROVIDERS,
  );
  expect(leaving).toEqual({ exists: 1 });
}, 300_000);
