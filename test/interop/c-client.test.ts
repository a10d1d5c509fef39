import { expect, test } from 'vitest';
import { faultProxy } from '../../src/testing/index.ts';
import { bothServers } from '../support/both-servers.ts';
import { foreignClient } from '../support/foreign-clients.ts';
import { type ForeignShell, foreignShell } from '../support/foreign-shell.ts';
import { testSession } from '../support/session.ts';
import { statLines } from '../support/stat-lines.ts';

const program = foreignClient('cli_mt');
const servers = bothServers('c-client');

/** Of its two threads the one prints what the other asks for; the mark comes from the same as everything before it. */
const manners = {
  mark: 'sync /no-such-node',
  markAnswer: '[/no-such-node]: rc = 0\n\tname = /no-such-node\n',
  greeting: /Got a new session id: .+\n/,
};

const cli = (address: string): Promise<ForeignShell> =>
  foreignShell(program, ['-h', address], manners);

/** How long an answer took, and what the client says to itself. */
const NOISE = /^(time = \d+ msec|.*:ZOO_(INFO|WARN)@.*|)$/;

/** Each command and what was printed for it: replies and events in the order in which they came, but lists in an order of ours. */
async function type(shell: ForeignShell, script: string): Promise<readonly (readonly string[])[]> {
  const scribe = statLines();
  const transcript: (readonly string[])[] = [];
  const commands = script.split('\n').map(line => line.trim());
  for (const command of commands.filter(line => line !== '')) {
    const lines = (await shell.type(command)).filter(line => !NOISE.test(line)).map(scribe);
    transcript.push([command, ...(/^a?ls/.test(command) ? lines.toSorted() : lines)]);
  }
  return transcript;
}

const eventsOf = (lines: readonly string[]): readonly string[] =>
  lines.filter(line => line.startsWith('Watcher '));

test('the C client creates, reads, changes, lists and deletes nodes', async () => {
  const transcript = await servers.alike('c-nodes', async ({ address }) => {
    await using shell = await cli(address);
    return await type(
      shell,
      `
      create /c-nodes/plain
      create +e /c-nodes/e
      create +s /c-nodes/s-
      create +es /c-nodes/es-
      create +c /c-nodes/container
      create +t=100000 /c-nodes/ttl
      create +st=100000 /c-nodes/ttl-s-
      create2 /c-nodes/two
      create2 +e /c-nodes/two-e
      create2 +es /c-nodes/two-es-
      create /c-nodes/plain
      create /c-nodes/plain/child
      create /c-nodes/e/child
      create /nope/x
      create relative
      set /c-nodes/plain one
      set /c-nodes/plain two words
      set /nope x
      get /c-nodes/plain
      get /c-nodes/two-e
      get /nope
      exists /c-nodes/container
      exists /nope
      ls /c-nodes
      ls2 /c-nodes
      ls /nope
      sync /c-nodes
      sync /nope
      delete /c-nodes
      delete /c-nodes/plain/child
      delete /c-nodes/plain
      delete /c-nodes/plain
      delete /
      config
      reconfig -add server.9=127.0.0.1:1:2:participant
      addauth digest user:pwd
      acreate /c-nodes/async
      aset /c-nodes/async x
      aget /c-nodes/async
      als /c-nodes
      adelete /c-nodes/async
      ls /c-nodes
      `,
    );
  });
  expect(transcript.flat()).toContain('\tname = /c-nodes/es-0000000003');
});

test('the C client hears of a change before it is told that the change was made', async () => {
  const transcript = await servers.alike('c-watches', async ({ address }) => {
    await using shell = await cli(address);
    return await type(
      shell,
      `
      create /c-watches/a
      get /c-watches/a
      ls /c-watches/a
      wexists /c-watches/a
      wexists /c-watches/nope
      create /c-watches/a/b
      set /c-watches/a x
      set /c-watches/a y
      create /c-watches/nope
      get /c-watches/a/b
      ls /c-watches/a/b
      ls /c-watches/a
      delete /c-watches/a/b
      wexists /c-watches/a
      delete /c-watches/a
      `,
    );
  });
  const made = transcript.find(([command]) => command === 'create /c-watches/nope');
  expect(eventsOf(made ?? [])).toEqual([
    'Watcher CREATED_EVENT state = CONNECTED_STATE for path /c-watches/nope',
  ]);
});

test('watches of the C client go on after its connection was cut, and tell of what happened meanwhile', async () => {
  const events = await servers.alike('c-cut', async ({ address }) => {
    await using proxy = await faultProxy({ target: address });
    await using shell = await cli(proxy.address);
    const other = await testSession(address);
    await type(
      shell,
      `
      create +e /c-cut/mine
      create /c-cut/changed
      create /c-cut/deleted
      create /c-cut/parent
      create /c-cut/same
      get /c-cut/changed
      get /c-cut/deleted
      get /c-cut/same
      wexists /c-cut/created
      wexists /c-cut/later
      ls /c-cut/parent
      `,
    );
    await proxy.cut();
    await shell.says(/Watcher SESSION_EVENT state = CONNECTING_STATE\n/);
    await other.setData('/c-cut/changed', Buffer.from('y'), -1);
    await other.remove('/c-cut/deleted', -1);
    await other.create('/c-cut/created');
    await other.create('/c-cut/parent/child');
    await proxy.heal();
    await shell.says(/CONNECTING_STATE\n[^]*CONNECTED_STATE\n/);
    await type(shell, 'sync /c-cut'); // what was laid again has been answered by then
    await other.setData('/c-cut/same', Buffer.from('y'), -1);
    await other.create('/c-cut/later');
    await type(shell, 'sync /c-cut');
    return eventsOf(shell.lines()).toSorted();
  });
  expect(events).toContain('Watcher CREATED_EVENT state = CONNECTED_STATE for path /c-cut/created');
  expect(events).toContain('Watcher CREATED_EVENT state = CONNECTED_STATE for path /c-cut/later');
  expect(events).toHaveLength(8);
});
