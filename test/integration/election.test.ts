import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../src/kernel/abort.ts';
import { isAbort } from '../../src/kernel/errors.ts';
import { type Election, openElection, type Term } from '../../src/recipes/index.ts';
import type { Session } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxiedSession, proxiedSession, testSession } from '../support/session.ts';
import { stoppableClock } from '../support/stopped-clock.ts';
import { type TermEvent, violationsOf } from '../support/term-history.ts';
import { testServers } from '../support/zookeeper.ts';

const path = '/elections/master';

interface Member extends ProxiedSession {
  readonly name: string;
  readonly election: Election;
  /** Of the term that is on. */
  readonly term: Term | undefined;
  /** To be called before a fault is laid on this member. */
  disturbed(): void;
  stop(): Promise<void>;
}

interface Members {
  readonly history: readonly TermEvent[];
  join(name: string, options?: Parameters<typeof proxiedSession>[1]): Promise<Member>;
  /** Waits until exactly one of all members leads, and it is not `but`. */
  leader(but?: Member): Promise<Member>;
}

/**
 * Members of one election, each with a link of its own; what they do is written down and judged when the test ends. They are one
 * process: a pause of it that outlasts a session ends one term and begins another in any order, so sessions are long unless the test
 * ends them, and such members are `disturbed` first.
 */
function membersAt(servers: string): Members {
  const history: TermEvent[] = [];
  const members: Member[] = [];
  onTestFinished(() => expect(violationsOf(history)).toEqual([]));

  const join: Members['join'] = async (name, options) => {
    const proxied = await proxiedSession(servers, { timeoutMs: 20_000, ...options });
    const election = openElection(proxied.session, path, { id: name });
    const stopping = new AbortController();
    let current: Term | undefined;
    const duty = async (term: Term): Promise<void> => {
      current = term;
      history.push({ kind: 'began', member: name, token: term.token });
      const over = deferred<void>();
      term.signal.addEventListener('abort', () => over.resolve(), { once: true });
      await over.promise;
      history.push({ kind: 'ended', member: name, token: term.token });
      current = undefined;
    };
    const led = election.lead(duty, { signal: stopping.signal }).catch((error: unknown) => {
      if (!isAbort(error)) throw error;
    });
    const member: Member = {
      ...proxied,
      name,
      election,
      get term() {
        return current;
      },
      disturbed: () => void history.push({ kind: 'disturbed', member: name }),
      async stop() {
        stopping.abort(new DOMException('stopped', 'AbortError'));
        await led;
      },
    };
    members.push(member);
    onTestFinished(() => member.stop());
    return member;
  };

  const leader: Members['leader'] = but =>
    eventually(() => {
      const leading = members.filter(member => member.term !== undefined && member !== but);
      expect(leading).toHaveLength(1);
      return leading[0] as Member;
    });

  return { history, join, leader };
}

async function children(session: Session): Promise<readonly string[]> {
  return (await session.getChildren(path)).children;
}

test('of three members one leads, by a node as Curator names it, with its id as data', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  for (const name of ['a', 'b', 'c']) await members.join(name);
  const leader = await members.leader();
  const observer = await testSession(servers);
  await eventually(async () => expect(await children(observer)).toHaveLength(3));
  const { data, stat } = await observer.getData(leader.term?.path ?? '');
  expect(leader.term?.path).toMatch(/\/_c_[0-9a-f-]{36}-latch-\d{10}$/);
  expect(data.toString()).toBe(leader.name);
  expect(leader.term?.token).toBe(stat.czxid);
});

test('a leader that resigns hands over, and its node is gone', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  for (const name of ['a', 'b', 'c']) await members.join(name);
  const first = await members.leader();
  await first.stop();
  const second = await members.leader();
  expect(second).not.toBe(first);
  expect(await children(second.session)).toHaveLength(2);
});

test('a leader that is cut off ends its term by its own clock, before the server expires it', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  for (const name of ['a', 'b', 'c']) await members.join(name, { timeoutMs: 6_000 });
  const first = await members.leader();
  const observer = await testSession(servers);
  const { signal, path: node } = first.term as Term;
  first.disturbed();
  first.proxy.pause('both');
  await eventually(() => expect(signal.aborted).toBe(true));
  expect(await observer.exists(node)).toBeDefined();
  const second = await members.leader(first);
  expect(second.term?.token).toBeGreaterThan(0n);
  await first.proxy.heal();
});

test('a leader whose session ends campaigns again, with a higher token', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  const only = await members.join('a', { timeoutMs: 2_000 });
  await members.leader();
  const before = only.term?.token ?? 0n;
  only.disturbed();
  await only.expire();
  await eventually(() => expect(only.term?.token ?? 0n).toBeGreaterThan(before));
  await eventually(async () => expect(await children(only.session)).toHaveLength(1));
});

test('after a mere suspension the same member leads a new term with a new node', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  const only = await members.join('a');
  await members.leader();
  const before = only.term?.token ?? 0n;
  const { epoch } = only.session;
  only.disturbed();
  only.proxy.dropConnections();
  await eventually(() => expect(only.term?.token ?? 0n).toBeGreaterThan(before));
  expect(only.session.epoch).toBe(epoch);
  expect(await children(only.session)).toHaveLength(1);
});

test('a leader whose node an operator deletes steps down and stands in line again', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  for (const name of ['a', 'b', 'c']) await members.join(name);
  const first = await members.leader();
  const term = first.term as Term;
  const operator = await testSession(servers);
  first.disturbed();
  await operator.remove(term.path, -1);
  const second = await members.leader(first);
  expect(second.term?.token).toBeGreaterThan(term.token);
  expect(term.signal.reason).toMatchObject({ code: 'FENCED' });
  await eventually(async () => expect(await children(operator)).toHaveLength(3));
});

test('a waiting member whose node an operator deletes stands in line again', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  const first = await members.join('a');
  await members.leader();
  const second = await members.join('b');
  const operator = await testSession(servers);
  const own = await eventually(async () => {
    const waiting = (await children(operator)).filter(name => !first.term?.path.endsWith(name));
    expect(waiting).toHaveLength(1);
    return waiting[0];
  });
  await operator.remove(`${path}/${own}`, -1);
  await first.stop();
  expect(await members.leader()).toBe(second);
});

test('a leader that stood still past its session does no harm when it wakes', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  const clock = stoppableClock();
  const first = await members.join('a', { clock, timeoutMs: 3_000 });
  await members.leader();
  const second = await members.join('b');
  const old = first.term as Term;
  await first.session.create('/result', Buffer.from('by a'));

  first.disturbed();
  clock.stop();
  first.proxy.pause('both');
  expect(await members.leader(first)).toBe(second);
  expect(old.signal.aborted).toBe(false); // it does not know yet
  expect(first.session.trusted()).toBe(false); // but finds out when it asks

  await first.proxy.heal();
  clock.go();
  const write = old
    .guard(first.session.transaction())
    .setData('/result', Buffer.from('too late'), -1);
  await expect(write.commit()).rejects.toBeDefined();
  await eventually(() => expect(old.signal.aborted).toBe(true));
  expect((await second.session.getData('/result')).data.toString()).toBe('by a');
});

test('a write guarded by a term is refused by ZooKeeper once the node of the term is gone', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  const operator = await testSession(servers);
  await session.create('/result', Buffer.from('before'));
  await using election = openElection(session, path, { id: 'a' });
  const writes = async (term: Term): Promise<void> => {
    await term.guard(session.transaction()).setData('/result', Buffer.from('during'), -1).commit();
    await operator.remove(term.path, -1);
    const late = term.guard(session.transaction()).setData('/result', Buffer.from('after'), -1);
    await expect(late.commit()).rejects.toMatchObject({ code: 'NO_NODE', details: { index: 0 } });
    await eventually(() => expect(term.signal.aborted).toBe(true));
  };
  const written = deferred<void>();
  const led = election.lead(term => writes(term).then(written.resolve, written.reject));
  led.catch(() => undefined);
  await written.promise;
  await election.close();
  await expect(led).rejects.toMatchObject({ code: 'ABORTED' });
  expect((await operator.getData('/result')).data.toString()).toBe('during');
});

test('a duty that throws ends its term, is reported, and is campaigned for again with a higher token', async () => {
  const session = await testSession(await testServers());
  const reported: unknown[] = [];
  await using election = openElection(session, path, {
    id: 'a',
    onError: error => reported.push(error),
  });
  const tokens: bigint[] = [];
  await election.lead(async term => {
    tokens.push(term.token);
    if (tokens.length < 3) throw new Error(`duty ${tokens.length}`);
  });
  expect(reported).toMatchObject([{ message: 'duty 1' }, { message: 'duty 2' }]);
  expect(tokens).toEqual([...tokens].sort((a, b) => Number(a - b)));
  expect(new Set(tokens).size).toBe(3);
  expect(await children(session)).toEqual([]);
});

test('giving up while waiting leaves neither a node nor a watch', async () => {
  const servers = await testServers();
  const leading = await testSession(servers);
  const session = await testSession(servers);
  await using first = openElection(leading, path, { id: 'a' });
  await using second = openElection(session, path, { id: 'b' });
  const led = deferred<void>();
  const stop = deferred<void>();
  const leadership = first.lead(async () => {
    led.resolve();
    await stop.promise;
  });
  await led.promise;
  for (let round = 0; round < 3; round += 1) {
    const giveUp = new AbortController();
    const waiting = second.lead(() => Promise.reject(new Error('never')), {
      signal: giveUp.signal,
    });
    await eventually(() => expect(session.requestCounts['exists'] ?? 0).toBeGreaterThan(round));
    giveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(await children(leading)).toHaveLength(1);
  }
  await session.sync('/');
  expect(session.requestCounts['removeWatches']).toBe(3);
  stop.resolve();
  await leadership;
});

test('a change at the head of the line wakes the next member alone', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  const observer = await testSession(servers);
  const [a, b, c] = [await members.join('a'), await members.join('b'), await members.join('c')];
  await eventually(async () => expect(await children(observer)).toHaveLength(3));
  const first = await members.leader();
  const waiting = [a, b, c].filter(member => member !== first);
  const work = (member: Member): number =>
    Object.entries(member.session.requestCounts)
      .filter(([operation]) => operation !== 'ping')
      .reduce((sum, [, count]) => sum + count, 0);
  await eventually(() => expect(waiting.map(work).every(count => count > 0)).toBe(true));
  await Promise.all(waiting.map(member => member.session.sync('/')));
  const before = new Map(waiting.map(member => [member, work(member)]));
  await first.stop();
  const second = await members.leader();
  const idle = waiting.find(member => member !== second);
  expect(idle && work(idle)).toBe(idle && before.get(idle));
});

test('when one in the middle of the line gives up, the one behind it goes on waiting', async () => {
  const servers = await testServers();
  const members = membersAt(servers);
  const observer = await testSession(servers);
  const inLine = async (count: number): Promise<void> =>
    eventually(async () => expect(await children(observer)).toHaveLength(count));
  const a = await members.join('a');
  await inLine(1);
  const b = await members.join('b');
  await inLine(2);
  const c = await members.join('c');
  await inLine(3);
  const listed = c.session.requestCounts['getChildren2'] ?? c.session.requestCounts['getChildren'];
  await b.stop();
  await eventually(() =>
    expect(
      c.session.requestCounts['getChildren2'] ?? c.session.requestCounts['getChildren'],
    ).not.toBe(listed),
  );
  expect(await members.leader()).toBe(a);
  await a.stop();
  expect(await members.leader()).toBe(c);
});

test('an observer sees who leads, nobody, and who leads next', async () => {
  const servers = await testServers();
  const session = await testSession(servers);
  await using a = openElection(session, path, { id: 'a' });
  await using b = openElection(session, path, { id: 'b' });
  const seen: (string | undefined)[] = [];
  const stop = new AbortController();
  const observing = (async () => {
    for await (const leader of b.observe({ signal: stop.signal })) seen.push(leader?.id);
  })();
  await eventually(() => expect(seen).toEqual([undefined]));
  const leadOnce = async (election: Election, id: string): Promise<void> =>
    election.lead(async term => {
      await eventually(() => expect(seen.at(-1)).toBe(id));
      expect((await election.leader())?.token).toBe(term.token);
    });
  await leadOnce(a, 'a');
  await eventually(() => expect(seen.at(-1)).toBeUndefined());
  await leadOnce(b, 'b');
  await eventually(() => expect(seen.at(-1)).toBeUndefined());
  expect(seen.filter(id => id !== undefined)).toEqual(['a', 'b']);
  stop.abort(new Error('seen enough'));
  await expect(observing).rejects.toThrow('seen enough');
});

test('a member that takes a gap in the line for its turn is caught by the judge of histories', async () => {
  const servers = await testServers();
  const history: TermEvent[] = [];
  const sessions = await Promise.all([1, 2, 3].map(() => testSession(servers)));
  await sessions[0]?.ensurePath(path);
  /** Leads when the node before it is gone, without listing again. */
  const brokenMember = async (
    session: Session,
    member: string,
    before: string | undefined,
  ): Promise<string> => {
    const { path: own, stat } = await session.create(
      `${path}/_c_${randomUUID()}-latch-`,
      Buffer.from(member),
      {
        mode: 'ephemeral-sequential',
      },
    );
    const lead = (): void => void history.push({ kind: 'began', member, token: stat.czxid });
    if (before === undefined) lead();
    else await session.watchExists(before, lead);
    return own;
  };
  const [a, b, c] = sessions as [Session, Session, Session];
  const ofA = await brokenMember(a, 'a', undefined);
  const ofB = await brokenMember(b, 'b', ofA);
  await brokenMember(c, 'c', ofB);
  await b.remove(ofB, -1); // b gives up; a still leads
  await eventually(() => expect(history).toHaveLength(2));
  expect(violationsOf(history)).toEqual([expect.stringContaining('c began')]);
});
