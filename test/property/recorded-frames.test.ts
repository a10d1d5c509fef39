import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { JuteReader } from '../../src/kernel/jute.ts';
import { OP } from '../../src/kernel/wire.ts';
import { fourLetterWord, startEmbedded } from '../../src/testing/index.ts';
import { CREATOR_ALL_ACL, permission } from '../../src/zookeeper/index.ts';
import { eventually } from '../support/eventually.ts';
import { frameRecorder } from '../support/frame-recorder.ts';
import { type Mangled, mangled } from '../support/mangled-frames.ts';
import {
  operationOf,
  readRecordings,
  type Recording,
  recordingOf,
} from '../support/recorded-frames.ts';
import { testSession } from '../support/session.ts';

/** What our own session sends. */
async function ownRecording(): Promise<Recording> {
  await using server = await startEmbedded();
  await using recorder = await frameRecorder(server.connectString);
  const session = await testSession(recorder.address);
  await session.create('/own', Buffer.from('x'), { mode: 'container' });
  await session.create('/own/t', Buffer.from('x'), { mode: 'persistent-ttl', ttlMs: 60_000 });
  await session.addWatch('/own', 'persistent-recursive', () => undefined);
  await session.watchExists('/own/nope', () => undefined);
  await session.watchData('/own', () => undefined);
  await session.watchChildren('/own', () => undefined);
  const transaction = session.transaction().check('/own', 0);
  await transaction.create('/own/e-', Buffer.from('x'), { mode: 'ephemeral-sequential' }).commit();
  await session.multiRead([
    { kind: 'data', path: '/own' },
    { kind: 'children', path: '/own' },
  ]);
  await session.close();
  return recordingOf('own', recorder.connections());
}

/** Nodes that recorded requests would change or delete, and the nodes that these are in. */
function targetsOf(recordings: readonly Recording[]): {
  readonly parents: readonly string[];
  readonly nodes: readonly string[];
} {
  const paths = recordings
    .flatMap(({ requests }) => requests)
    .filter(request => [OP.setData, OP.delete, OP.setAcl].some(op => op === operationOf(request)))
    .map(request => new JuteReader(request.subarray(12)).string() ?? '')
    .filter(path => /^\/(?!zookeeper\b)[^/]+\/./.test(path));
  const parents = new Set(
    paths.flatMap(path =>
      [...path.matchAll(/.(?=\/)/g)].map(({ index }) => path.slice(0, index + 1)),
    ),
  );
  const nodes = [...new Set(paths)].filter(path => !parents.has(path));
  return { parents: [...parents].toSorted(), nodes };
}

/** Sends it, and resolves when the server has ended the connection or has taken in all and been left. */
async function play(port: number, { bytes, chunkBytes }: Mangled): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => undefined).resume();
  const closed = new Promise(resolve => void socket.once('close', resolve));
  const step = Math.max(chunkBytes, Math.ceil(bytes.length / 50));
  for (let at = 0; at < bytes.length && !socket.destroyed; at += step)
    socket.write(bytes.subarray(at, at + step));
  socket.end();
  await closed;
}

test('what is played was recorded of several clients and holds every operation that any of them sends', async () => {
  const recordings = [...readRecordings(), await ownRecording()];
  expect(recordings.map(({ client }) => client).toSorted()).toEqual([
    'c-client',
    'kazoo',
    'own',
    'zk-cli',
  ]);
  const played = new Set(recordings.flatMap(({ requests }) => requests.map(operationOf)));
  const missing = Object.entries(OP).filter(([, code]) => !played.has(code));
  // a check stands in transactions alone, nobody checks for watches, an error is an answer, and pings are too seldom
  expect(missing.map(([name]) => name).toSorted()).toEqual([
    'check',
    'checkWatches',
    'error',
    'ping',
  ]);
});

test('whatever becomes of the frames of real clients, other sessions keep what is theirs and are answered', async () => {
  const recordings = [...readRecordings(), await ownRecording()];
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  await using server = await startEmbedded({ logger, reapEveryMs: 3_600_000 });
  const witness = await testSession(server.connectString, {
    auth: [{ scheme: 'digest', credentials: 'witness:nobody else knows' }],
  });
  // where others may come and make nodes, but what is the witness's is the witness's
  const open = [
    ...CREATOR_ALL_ACL,
    { permissions: permission.read | permission.create, scheme: 'world', id: 'anyone' },
  ];
  const { parents, nodes } = targetsOf(recordings);
  for (const path of parents) await witness.create(path, Buffer.alloc(0), { acl: open });
  for (const [index, path] of nodes.entries())
    await witness.create(path, Buffer.from(path), {
      acl: CREATOR_ALL_ACL,
      mode: index % 2 === 0 ? 'persistent' : 'ephemeral',
    });
  expect(nodes.length).toBeGreaterThan(9);
  const heard: string[] = [];
  for (const path of nodes) await witness.watchData(path, event => heard.push(event.path));
  const readAll = async (): Promise<readonly string[]> => {
    const all = await witness.multiRead(nodes.map(path => ({ kind: 'data', path })));
    return all.map(each => {
      if (each.kind !== 'data') return `${each.path}: ${each.kind}`;
      const { mzxid, version, aversion, ephemeralOwner } = each.stat;
      return `${each.path}: ${each.data.toString()} ${mzxid} ${version} ${aversion} ${ephemeralOwner}`;
    });
  };
  const before = await readAll();
  const { sessionId } = witness;

  let mostBytes = 0;
  await fc.assert(
    fc.asyncProperty(mangled(recordings), mangled(recordings), async (one, other) => {
      await Promise.all([play(server.port, one), play(server.port, other)]);
      expect(await readAll()).toEqual(before);
      mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers);
    }),
    { numRuns: Number(process.env['ROLLCALL_RUNS'] ?? 600), endOnFailure: true },
  );

  expect(heard).toEqual([]);
  for (const path of nodes) await witness.setData(path, Buffer.alloc(0), 0);
  await eventually(() => expect(heard).toEqual(nodes));
  expect(witness.sessionId).toBe(sessionId);
  expect(logger.error).not.toHaveBeenCalled();
  expect(mostBytes).toBeLessThan(100_000_000);
  await eventually(async () => {
    const told = await fourLetterWord(server.port, 'mntr');
    expect(Number(/^zk_packets_received\t(\d+)$/m.exec(told)?.[1])).toBeGreaterThan(1_000);
    expect(told).toMatch(/^zk_num_alive_connections\t2$/m); // the witness, and who asks
  });
});
