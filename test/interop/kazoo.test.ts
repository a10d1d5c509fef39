import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bothServers } from '../support/both-servers.ts';
import { foreignClient } from '../support/foreign-clients.ts';

const scenarios = fileURLToPath(new URL('kazoo-scenarios.py', import.meta.url));
const [python, ...pythonArgs] = foreignClient('kazoo');
const servers = bothServers('kazoo');

/** Runs one scenario; what it found, as kazoo saw it. */
async function play(scenario: string, connectString: string): Promise<unknown> {
  const child = spawn(python, [...pythonArgs, scenarios, scenario, connectString], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (status !== 0) throw new Error(`${scenario} at ${connectString} failed:\n${stderr}`);
  return JSON.parse(stdout);
}

test.each([
  ['lock', 'a Lock is had by one at a time, in the order in which they came'],
  ['lock_given_up', 'a Lock that is given up leaves nothing, and one whose session ends gives way'],
  ['read_write_lock', 'readers share a lock, and a writer has it alone'],
  ['semaphore', 'a Semaphore is had by so many and no more'],
  ['election', 'each candidate of an Election leads in its turn, but who has withdrawn'],
  ['queue', 'a Queue gives by priority, then in order'],
  ['locking_queue', 'an entry of a LockingQueue is held until it is consumed or its holder goes'],
  ['barrier', 'who waits at a Barrier goes on when it is taken away'],
  [
    'double_barrier',
    'nobody passes a DoubleBarrier before all have come, nor leaves before all go',
  ],
  ['party', 'a Party knows who has joined, and forgets whose session is gone'],
  ['counter', 'a Counter counts whatever is added at the same time'],
  ['children_watch', 'a ChildrenWatch tells of each change until it gives up'],
  ['data_watch', 'a DataWatch tells of a node that is made, changed, deleted and made again'],
  ['one_shot_watches', 'each kind of watch is told what it waits for, once'],
  ['transactions', 'a transaction does all or nothing, and says what became of each step'],
  ['access', 'digests and ACLs decide who may do what, and who is told what'],
  ['reattach', 'a session is taken up by who has its password, and by nobody else'],
  ['dropped_connection', 'sessions, ephemeral nodes and lasting watches outlive a lost connection'],
  ['plain', 'every operation, and every way in which it is refused'],
  ['chroot', 'a client below a node sees that node as the root'],
  ['leases', 'leases run out, and a set is shared out among its members'],
  ['tree_cache', 'a TreeCache follows a whole tree over a lost connection'],
])('kazoo, %s: %s', async scenario => {
  const found = await servers.alike(scenario, ({ chrooted }) => play(scenario, chrooted));
  expect(found).toEqual(expect.arrayContaining([expect.anything()]));
});
