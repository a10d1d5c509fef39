import { createServer } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startEngine } from '../../../src/embedded/engine.ts';
import { memoryStore } from '../../../src/embedded/journal.ts';
import { FILE_HEAD_BYTES, newFileHead } from '../../../src/embedded/log/frames.ts';
import { groupCommit } from '../../../src/embedded/log/group-commit.ts';
import { settle } from '../../../src/embedded/options.ts';
import { type Deferred, deferred } from '../../../src/kernel/abort.ts';
import { OP } from '../../../src/kernel/wire.ts';
import { fourLetterWord, manualClock } from '../../../src/testing/index.ts';
import { type WireClient, wireClient } from '../../support/wire-client.ts';
import { eventually } from '../../support/eventually.ts';

/** A server whose disk does what the test says. */
async function onADisk() {
  const writes: Deferred<void>[] = [];
  let quick = true;
  const clock = manualClock({ wallMs: Date.now() });
  const journal = groupCommit({
    file: {
      head: newFileHead('log'),
      write() {
        const done = deferred<void>();
        writes.push(done);
        if (quick) done.resolve();
        return done.promise;
      },
      truncate: async () => undefined,
      close: async () => undefined,
    },
    wholeBytes: FILE_HEAD_BYTES,
    clock,
    rotateAfterBytes: Number.POSITIVE_INFINITY,
    rotate: () => undefined,
  });
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const store = { ...memoryStore(Date.now()), journal };
  const engine = startEngine(settle({ clock, logger, tickTimeMs: 200 }), store, () => 0);
  const listener = createServer(engine.accept);
  await new Promise<void>(resolve => void listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    engine.stop();
    listener.close();
  });
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    clock,
    logger,
    writes,
    client: () => wireClient(`127.0.0.1:${port}`),
    slow() {
      quick = false;
      writes.length = 0;
    },
    quick() {
      quick = true;
    },
  };
}

function create(client: WireClient, path: string): void {
  client.send(OP.create, writer => {
    writer.string(path).bytes(undefined);
    writer.vector([0], () => writer.int(31).string('world').string('anyone')).int(0);
  });
}

test('replies, reads and events wait until what they show is on the disk', async () => {
  const disk = await onADisk();
  await using writer = await disk.client();
  await using reader = await disk.client();
  await writer.hello({ timeoutMs: 4_000 });
  await reader.hello({ timeoutMs: 4_000 });
  await reader.call(OP.exists, body => body.string('/n').bool(true));
  disk.slow();
  create(writer, '/n');
  await eventually(() => expect(disk.writes).toHaveLength(1));
  reader.send(OP.exists, body => body.string('/n').bool(false));
  const told: string[] = [];
  const listening = Object.entries({ writer, reader }).map(async ([who, client]) => {
    told.push(`the ${who}: ${(await client.next())?.kind}`);
  });
  await eventually(async () =>
    expect(await fourLetterWord(disk.port, 'mntr')).toMatch(/packets_received\t3\n/),
  );
  // Asked when all of them were done: an answer to one of them would have come before this one.
  expect(await fourLetterWord(disk.port, 'ruok')).toBe('imok');
  expect(told).toEqual([]);
  disk.writes[0]?.resolve();
  await Promise.all(listening);
  expect(told.toSorted()).toEqual(['the reader: event', 'the writer: reply']);
  expect((await reader.next())?.kind).toBe('reply');
});

test('a full disk: nobody is told of the write, everybody is sent away, and comes back to his session', async () => {
  const disk = await onADisk();
  await using client = await disk.client();
  const { sessionId = 0n, password = Buffer.alloc(0) } =
    (await client.hello({ timeoutMs: 1_000 })) ?? {};
  disk.slow();
  create(client, '/n');
  await eventually(() => expect(disk.writes).toHaveLength(1));
  disk.writes[0]?.reject(new Error('no space left on device'));
  expect(await client.next()).toBeUndefined();
  expect(disk.logger.error.mock.calls).toEqual([
    [
      { error: 'no space left on device' },
      'the disk takes no writes: nobody is served until it does',
    ],
  ]);
  await using early = await disk.client();
  expect(await early.hello({ sessionId, password })).toBeUndefined();
  expect(await fourLetterWord(disk.port, 'srvr')).toContain('not currently serving');
  expect(await fourLetterWord(disk.port, 'ruok')).toBe('imok');
  disk.quick();
  await disk.clock.advance(1_100);
  expect(disk.logger.info).toHaveBeenCalledWith({}, 'the disk takes writes again');
  await using back = await disk.client();
  expect(await back.hello({ sessionId, password })).toMatchObject({ sessionId });
  expect((await back.call(OP.exists, body => body.string('/n').bool(false)))?.error).toBe(0);
});

test('of many requests sent at once the first are on the disk and answered while the last are still to be done', async () => {
  const disk = await onADisk();
  await using client = await disk.client();
  await client.hello({ timeoutMs: 4_000 });
  disk.slow();
  client.socket.cork();
  for (let index = 0; index < 100; index += 1) create(client, `/n-${index}`);
  client.socket.uncork();
  await eventually(() => expect(disk.writes).toHaveLength(1));
  disk.quick();
  disk.writes[0]?.resolve();
  for (let xid = 1; xid <= 100; xid += 1)
    expect(await client.next()).toMatchObject({ xid, error: 0 });
  expect(disk.writes.length).toBeGreaterThan(1);
});

test('a disk that takes less than clients write holds them back; none of them is expired for what is not read meanwhile', async () => {
  const disk = await onADisk();
  const requests = 60;
  const data = Buffer.alloc(900_000, 'x');
  await using client = await disk.client();
  await client.hello({ timeoutMs: 1_000 });
  create(client, '/n');
  expect(await client.next()).toMatchObject({ error: 0 });
  disk.slow();
  for (let index = 0; index < requests; index += 1)
    client.send(OP.setData, body => body.string('/n').bytes(data).int(-1));
  const done = async (): Promise<number> =>
    Number(/packets_received\t(\d+)\n/.exec(await fourLetterWord(disk.port, 'mntr'))?.[1]) - 1;
  await eventually(async () => expect(await done()).toBeGreaterThan(8));
  for (let quarters = 0; quarters < 20; quarters += 1) {
    await disk.clock.advance(250);
    expect(await done()).toBeLessThan(12); // 8 MiB, and the one that is one too many
  }
  disk.quick();
  for (const write of disk.writes) write.resolve();
  for (let index = 0; index < requests; index += 1)
    expect(await client.next()).toMatchObject({ error: 0 });
  expect(disk.logger.info).not.toHaveBeenCalled();
});

test('a client that says goodbye behind many requests is answered to the last, and let go', async () => {
  const disk = await onADisk();
  for (const requests of [6, 7, 8, 9, 31]) {
    const client = await disk.client();
    await client.hello({ timeoutMs: 4_000 });
    client.socket.cork();
    for (let index = 0; index < requests; index += 1)
      client.send(OP.exists, body => body.string('/').bool(false));
    client.send(OP.closeSession);
    client.socket.uncork();
    for (let xid = 1; xid <= requests + 1; xid += 1)
      expect(await client.next()).toMatchObject({ xid, error: 0 });
    await client.ended;
  }
  // The one that is left is asking.
  await eventually(async () =>
    expect(await fourLetterWord(disk.port, 'mntr')).toMatch(/num_alive_connections\t1\n/),
  );
});
