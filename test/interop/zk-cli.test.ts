import { expect, test } from 'vitest';
import { faultProxy } from '../../src/testing/index.ts';
import { bothServers } from '../support/both-servers.ts';
import { foreignClient } from '../support/foreign-clients.ts';
import { type ForeignShell, foreignShell } from '../support/foreign-shell.ts';
import { testSession } from '../support/session.ts';
import { statLines } from '../support/stat-lines.ts';

const servers = bothServers('zk-cli');

const manners = {
  mark: 'printwatches',
  markAnswer: 'printwatches is on\n',
  greeting: /WatchedEvent state:SyncConnected type:None path:null\n/,
};

const zkCli = (address: string, program: 'zkCli' | 'zkCli.sh' = 'zkCli'): Promise<ForeignShell> =>
  foreignShell(foreignClient(program), ['-server', address], manners);

/** Its events are printed by a thread of their own: in order, but not in step with the answers. */
const EVENT = /^WatchedEvent (.+)$/;

const eventsOf = (shell: ForeignShell): readonly string[] =>
  shell.lines().flatMap(line => EVENT.exec(line)?.[1] ?? []);

const ends = (shell: ForeignShell, path: string): Promise<void> =>
  shell.says(new RegExp(`type:NodeDeleted path:${path}\n`));

/** What a server is free to do as it likes is put in order; the counts behind a quota, which the embedded one does not keep, go. */
const FREE_ORDER = /^(getEphemerals|whoami)/;
const QUOTA_COUNTS = /^Output stat for /;

interface Transcript {
  /** Each command, and what was printed for it. */
  readonly answers: readonly (readonly [command: string, ...answer: string[]])[];
  readonly events: readonly string[];
}

/** Types the commands one after another, and waits for the event that `last`, a node's deletion, sets off. */
async function type(shell: ForeignShell, last: string, script: string): Promise<Transcript> {
  const scribe = statLines();
  const answers: [string, ...string[]][] = [];
  const commands = script.split('\n').map(line => line.trim());
  const farewell = [`create ${last}`, `get -w ${last}`, `delete ${last}`];
  for (const command of [...commands.filter(line => line !== ''), ...farewell]) {
    const lines = (await shell.type(command)).filter(
      line => line !== '' && line !== 'WATCHER::' && !EVENT.test(line) && !QUOTA_COUNTS.test(line),
    );
    answers.push([command, ...(FREE_ORDER.test(command) ? lines.map(sorted) : lines.map(scribe))]);
    if (FREE_ORDER.test(command)) answers.at(-1)?.sort();
  }
  await ends(shell, last);
  return { answers, events: eventsOf(shell) };
}

/** `[b, a]` as `[a, b]` */
function sorted(line: string): string {
  const inside = /^\[(.+)\]$/.exec(line)?.[1];
  return inside === undefined ? line : `[${inside.split(', ').toSorted().join(', ')}]`;
}

/** Types the commands at both servers, which shall answer the same, below `/name`. */
const typed = (name: string, script: string, program?: 'zkCli.sh'): Promise<Transcript> =>
  servers.alike(name, async ({ address }) => {
    await using shell = await zkCli(address, program);
    return await type(shell, `/${name}/last`, script);
  });

const said = ({ answers }: Transcript): readonly string[] =>
  answers.flatMap(([, ...answer]) => answer);

test('zkCli creates, reads, changes, lists and deletes nodes of every kind', async () => {
  const transcript = await typed(
    'nodes',
    `
    create /nodes/plain data
    create /nodes/empty
    create -s /nodes/s- x
    create -e /nodes/e ephemeral
    create -e -s /nodes/es- both
    create -c /nodes/container
    create -t 100000 /nodes/ttl x
    create -s -t 100000 /nodes/ttl-s- x
    create /nodes/plain/child x
    create /nodes/plain
    create /nope/x y
    create /nodes/e/child y
    create -e -c /nodes/never
    create relative
    create /nodes/new data nobody:x:r
    get /nodes/plain
    get -s /nodes/plain
    get -s /nodes/e
    get -s /nodes/ttl
    get /nodes/empty
    get /nope
    set /nodes/plain one
    set -s /nodes/plain two
    set -v 2 /nodes/plain three
    set -v 2 -s /nodes/plain four
    set -v 9 /nodes/plain never
    set /nope x
    stat /nodes/plain
    stat /nodes/container
    stat /nope
    ls /nodes
    ls -s /nodes
    ls -R /nodes
    ls /nope
    ls /zookeeper
    ls -s /zookeeper/config
    sync /nodes
    sync /nope
    getAllChildrenNumber /nodes
    getAllChildrenNumber /nodes/plain
    getAllChildrenNumber /nope
    getEphemerals
    getEphemerals /nodes/es
    getEphemerals /nope
    config
    reconfig -add 1
    set -s /nodes/plain five
    delete /nodes
    delete -v 9 /nodes/plain/child
    delete -v 0 /nodes/plain/child
    delete /nope
    delete /zookeeper
    delete /zookeeper/quota
    set /zookeeper/config x
    create /zookeeper/config/x
    create /nodes/deep
    create /nodes/deep/er
    create /nodes/deep/er/still
    deleteall /nodes/deep -b 2
    deleteall /nope
    ls -R /nodes
    `,
  );
  expect(said(transcript)).toContain('Created /nodes/es-0000000004');
  expect(said(transcript)).toContain('version No is not valid : /nodes/plain');
});

test('zkCli is told by every kind of watch, and no longer once it is removed', async () => {
  const { events } = await typed(
    'watches',
    `
    create /watches/a
    get -w /watches/a
    stat -w /watches/a
    ls -w /watches/a
    stat -w /watches/nope
    get -w /watches/nope
    create /watches/a/b
    set /watches/a x
    set /watches/a y
    get -w /watches/a/b
    ls -w /watches/a/b
    ls -w /watches/a
    delete /watches/a/b
    create /watches/r
    addWatch /watches/r
    create /watches/r/x
    create /watches/r/x/y
    set /watches/r/x 1
    set /watches/r 1
    delete /watches/r/x/y
    removewatches /watches/r
    delete /watches/r/x
    create /watches/p
    addWatch -m PERSISTENT /watches/p
    create /watches/p/x
    create /watches/p/x/y
    set /watches/p/x 1
    set /watches/p 1
    set /watches/p 2
    removewatches /watches/p -a
    removewatches /watches/p
    set /watches/p 3
    get -w /watches/p
    ls -w /watches/p
    removewatches /watches/p -c
    delete /watches/p/x/y
    delete /watches/p/x
    removewatches /watches/p -d
    removewatches /watches/p -d
    get -w /watches/p
    removewatches /watches/p -d -l
    set /watches/p 4
    `,
  );
  expect(events).toContain('state:SyncConnected type:NodeCreated path:/watches/r/x/y');
  expect(events).not.toContain('state:SyncConnected type:NodeDeleted path:/watches/r/x');
  expect(events).toContain('state:SyncConnected type:PersistentWatchRemoved path:/watches/p');
});

test('zkCli may do what its credentials allow, and is told who may what', async () => {
  const transcript = await typed(
    'access',
    `
    whoami
    create /access/mine secret digest:user:EYJny+H3eleOv6O/G6jy9vuSCq8=:cdrwa
    create /access/read readable world:anyone:r
    create /access/ip here ip:127.0.0.1:cdrwa
    create /access/elsewhere there ip:10.0.0.0/8:cdrwa
    create /access/none x auth::cdrwa
    get /access/mine
    getAcl /access/mine
    set /access/read x
    delete /access/read
    create /access/read/x y
    getAcl -s /access/read
    get /access/ip
    get /access/elsewhere
    addauth digest user:pwd
    whoami
    get /access/mine
    getAcl -s /access/mine
    create /access/auth x auth::cdrwa
    getAcl /access/auth
    setAcl -v 9 /access/mine world:anyone:r
    setAcl -s -v 0 /access/mine world:anyone:ra,digest:user:EYJny+H3eleOv6O/G6jy9vuSCq8=:cdrwa
    getAcl -s /access/mine
    create /access/mine/below
    setAcl -R /access/auth world:anyone:cdrwa
    setAcl /access/auth nobody:x:r
    setAcl /access/auth digest:no-colon:r
    setAcl /nope world:anyone:r
    getAcl /nope
    `,
  );
  const answers = said(transcript);
  expect(answers.filter(line => line === 'secret')).toHaveLength(1);
  expect(answers).toContain('Insufficient permission : /access/mine');
});

test('zkCli lays, lists and lifts quotas', async () => {
  const transcript = await typed(
    'quotas',
    `
    setquota -n 5 /quotas
    listquota /quotas
    setquota -b 50 /quotas
    setquota -N 7 /quotas
    setquota -B 70 /quotas
    listquota /quotas
    create /quotas/below
    setquota -n 5 /quotas/below
    get /zookeeper/quota/quotas/zookeeper_limits
    delquota -n /quotas
    listquota /quotas
    delquota /quotas
    listquota /quotas
    setquota -n 5 /nope
    ls /zookeeper/quota
    `,
  );
  expect(said(transcript)).toContain(
    'Output quota for /quotas count=5,bytes=50=;byteHardLimit=70;countHardLimit=7',
  );
});

test('zkCli.sh as Debian installs it creates, lists, reads, changes and deletes nodes, and is told by its watches', async () => {
  const { answers, events } = await typed(
    'script',
    `
    create /script/a data
    create -s -e /script/s- x
    create /script/a
    ls -w /script
    stat -w /script/a
    get -s -w /script/a
    set /script/a changed
    get /script/a
    create /script/b
    ls -R /script
    delete /script/b
    delete /script/a
    get /script/a
    ls /script
    `,
    'zkCli.sh',
  );
  expect(answers).toContainEqual(['get /script/a', 'changed']);
  expect(events).toContain('state:SyncConnected type:NodeDataChanged path:/script/a');
});

test('zkCli ends its session with close, which takes its ephemeral nodes along, and connects anew', async () => {
  const transcript = await servers.alike('close', async ({ address }) => {
    await using shell = await zkCli(address);
    const before = await type(shell, '/close/last', 'create -e /close/e\nls /close');
    await shell.type('close');
    await shell.type('ls /close');
    await shell.says(/state:Closed type:None[^]*Not connected/);
    await shell.type(`connect ${address}`);
    await shell.says(/state:Closed type:None[^]*state:SyncConnected type:None/);
    const after = await shell.type('ls /close');
    return { before, after: after.filter(line => line.startsWith('[')) };
  });
  expect(transcript.after).toEqual(['[]']);
});

test('watches of zkCli go on after its connection was cut, and tell of what happened meanwhile', async () => {
  const { events } = await servers.alike('cut', async ({ address }) => {
    await using proxy = await faultProxy({ target: address });
    await using shell = await zkCli(proxy.address);
    const other = await testSession(address);
    const commands = [
      'create -e /cut/mine',
      'create /cut/changed x',
      'create /cut/deleted x',
      'create /cut/parent x',
      'create /cut/same x',
      'get -w /cut/changed',
      'get -w /cut/deleted',
      'stat -w /cut/created',
      'stat -w /cut/later',
      'ls -w /cut/parent',
      'get -w /cut/same',
      'addWatch -m PERSISTENT /cut/parent',
      'addWatch -m PERSISTENT_RECURSIVE /cut/tree',
    ];
    for (const command of commands) await shell.type(command);
    await proxy.cut();
    await shell.says(/state:Disconnected/);
    await other.setData('/cut/changed', Buffer.from('y'), -1);
    await other.remove('/cut/deleted', -1);
    await other.create('/cut/created');
    await other.create('/cut/parent/child');
    await other.create('/cut/tree');
    await proxy.heal();
    await shell.says(/state:Disconnected[^]*state:SyncConnected type:None/);
    await shell.type('sync /cut'); // what was laid again has been answered by then
    await other.setData('/cut/same', Buffer.from('y'), -1);
    await other.create('/cut/later');
    await other.create('/cut/parent/another');
    await other.create('/cut/tree/leaf');
    const rest = await type(shell, '/cut/last', 'ls /cut\nls /cut/parent');
    return { rest, events: eventsOf(shell) };
  });
  expect(events).toEqual([
    'state:Disconnected type:None path:null',
    'state:SyncConnected type:None path:null',
    ...events.slice(2),
  ]);
  for (const told of [
    'NodeDataChanged path:/cut/changed',
    'NodeDeleted path:/cut/deleted',
    'NodeCreated path:/cut/created',
    'NodeDataChanged path:/cut/same',
    'NodeCreated path:/cut/later',
    'NodeCreated path:/cut/tree/leaf',
  ])
    expect(events.filter(event => event.endsWith(told))).toHaveLength(1);
});
