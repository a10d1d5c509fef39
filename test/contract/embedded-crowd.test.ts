import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { JuteWriter } from '../../src/kernel/jute.ts';
import { sealFrame } from '../../src/kernel/wire.ts';
import { fourLetterWord } from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbeddedProcess } from '../support/embedded-process.ts';
import { testSession } from '../support/session.ts';

const WANTED = 10_000;
const OTHER_FILES = 500;
const AT_ONCE = 250;
/** None of the idle is to expire while the others still come. */
const SESSION_MS = 600_000;
const MOST_BYTES_EACH = 25_000;

/** As many as this process may hold open; the server, in a process of its own, has the same limit. */
function crowdSize(): number {
  const limit = Number(execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })); // NaN: unlimited
  if (!(limit < WANTED + OTHER_FILES)) return WANTED;
  const size = limit - OTHER_FILES;
  process.stderr.write(
    `\nNOT THE WHOLE TEST: ${size} idle connections instead of ${WANTED}, since "ulimit -n" is ${limit}. Raise it to ${WANTED + OTHER_FILES}.\n\n`,
  );
  return size;
}

const hello = sealFrame(
  new JuteWriter()
    .int(0)
    .int(0)
    .long(0n)
    .int(SESSION_MS)
    .long(0n)
    .bytes(Buffer.alloc(16))
    .bool(false)
    .finish(),
);

/** Opens a session, and says no more. */
async function idler(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined).write(hello);
  await once(socket, 'data');
  return socket;
}

test('ten thousand idle connections cost little, and the one that is not idle does not feel them', async () => {
  const size = crowdSize();
  const server = await startEmbeddedProcess({ maxSessionTimeoutMs: SESSION_MS });
  onTestFinished(() => server.kill());
  const told = async (name: string): Promise<number> => {
    const page = await fourLetterWord(server.port, 'mntr');
    return Number(new RegExp(`^zk_${name}\t(\\d+)$`, 'm').exec(page)?.[1]);
  };
  const session = await testSession(server.connectString);
  await session.create('/busy', Buffer.alloc(0));
  const before = await told('rss_bytes');

  const crowd: Socket[] = [];
  onTestFinished(() => crowd.forEach(socket => socket.destroy()));
  while (crowd.length < size) {
    const some = Math.min(AT_ONCE, size - crowd.length);
    crowd.push(...(await Promise.all(Array.from({ length: some }, () => idler(server.port)))));
    await session.setData('/busy', Buffer.from(`${crowd.length}`), -1);
  }

  expect(await told('num_alive_connections')).toBe(size + 2); // the session, and who asks
  expect(await told('global_sessions')).toBe(size + 1);
  expect((await told('rss_bytes')) - before).toBeLessThan(size * MOST_BYTES_EACH);
  expect((await session.getData('/busy')).data.toString()).toBe(`${size}`);
  expect(crowd.filter(({ destroyed }) => destroyed)).toEqual([]);

  for (const socket of crowd) socket.destroy();
  await eventually(async () => expect(await told('num_alive_connections')).toBe(2));
}, 180_000);
