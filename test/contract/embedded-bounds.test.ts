import fc from 'fast-check';
import { connect, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { JuteWriter } from '../../src/kernel/jute.ts';
import { OP, sealFrame } from '../../src/kernel/wire.ts';
import { startEmbedded } from '../../src/testing/index.ts';
import { openSession } from '../../src/zookeeper/session.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { type WireClient, wireClient } from '../support/wire-client.ts';
import { eventually } from '../support/eventually.ts';

const patience = { timeout: 20_000, interval: 10 };

const frame = (xid: number, op: number, write: (writer: JuteWriter) => void): Buffer => {
  const writer = new JuteWriter().int(0).int(xid).int(op);
  write(writer);
  return sealFrame(writer.finish());
};

const acl = (writer: JuteWriter): JuteWriter =>
  writer.vector([0], () => writer.int(31).string('world').string('anyone'));

/** Frames as clients send them. */
const recorded: readonly Buffer[] = [
  frame(1, OP.create, writer => acl(writer.string('/fuzz').bytes(Buffer.from('data'))).int(0)),
  frame(2, OP.createTtl, writer => {
    acl(writer.string('/fuzz-t').bytes(undefined)).int(5).long(1_000n);
  }),
  frame(3, OP.getData, writer => writer.string('/fuzz').bool(true)),
  frame(4, OP.multi, writer => {
    writer.int(OP.setData).bool(false).int(-1).string('/fuzz').bytes(Buffer.from('m')).int(-1);
    writer.int(OP.check).bool(false).int(-1).string('/fuzz').int(0);
    writer.int(-1).bool(true).int(-1);
  }),
  frame(5, OP.multiRead, writer => {
    writer.int(OP.getChildren).bool(false).int(-1).string('/').bool(false);
    writer.int(-1).bool(true).int(-1);
  }),
  frame(-8, OP.setWatches2, writer => {
    writer.long(0n);
    for (let list = 0; list < 5; list += 1) writer.vector(['/fuzz'], path => writer.string(path));
  }),
  frame(-4, OP.auth, writer => writer.int(0).string('digest').bytes(Buffer.from('u:p'))),
  frame(6, OP.setAcl, writer => acl(writer.string('/fuzz')).int(-1)),
  frame(7, OP.addWatch, writer => writer.string('/').int(1)),
  frame(8, OP.removeWatches, writer => writer.string('/').int(3)),
];

const hello = sealFrame(
  new JuteWriter()
    .int(0)
    .int(0)
    .long(0n)
    .int(60_000) // longer than a busy machine takes to open many of them
    .long(0n)
    .bytes(Buffer.alloc(16))
    .bool(false)
    .finish(),
);

const mutated: fc.Arbitrary<Buffer> = fc
  .record({
    frame: fc.constantFrom(...recorded, hello),
    flips: fc.array(fc.record({ at: fc.nat(200), to: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff) }), {
      maxLength: 4,
    }),
    cut: fc.option(fc.nat(100), { nil: undefined }),
    resealed: fc.boolean(),
  })
  .map(({ frame: whole, flips, cut, resealed }) => {
    const bytes = Buffer.from(whole.subarray(0, cut));
    for (const { at, to } of flips) if (at < bytes.length) bytes[at] = to;
    return resealed && bytes.length >= 4 ? sealFrame(bytes) : bytes;
  });

const junk = fc.oneof(
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)) },
);

async function ping(client: WireClient): Promise<void> {
  expect((await client.call(OP.ping, undefined, -2))?.error).toBe(0);
}

test('whatever bytes a client sends, the server lives and the others are served', async () => {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  await using server = await startEmbedded({ logger });
  await using witness = await wireClient(server.connectString);
  await witness.hello({ timeoutMs: 60_000 });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(junk, { maxLength: 12 }), async (greets, chunks) => {
      await using bad = await wireClient(server.connectString);
      if (greets) await bad.hello();
      for (const chunk of chunks) bad.socket.write(chunk);
      await ping(witness);
      bad.socket.end();
      await bad.ended;
    }),
    { numRuns: 400 },
  );
  await ping(witness);
  expect(logger.error).not.toHaveBeenCalled();
});

test.each([-1, -2_147_483_648, 0xfffff + 1, 2_147_483_647])(
  'an announced length of %d ends the connection without an answer',
  async lengthBytes => {
    await using server = await startEmbedded();
    await using client = await wireClient(server.connectString);
    await client.hello();
    const length = Buffer.alloc(4);
    length.writeInt32BE(lengthBytes);
    client.socket.write(length);
    expect(await client.next()).toBeUndefined();
  },
);

test('lengths inside a request that cannot be are an error of that request alone', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  await client.hello();
  for (const write of [
    (writer: JuteWriter) => writer.int(-7),
    (writer: JuteWriter) => writer.int(2_000_000_000),
    (writer: JuteWriter) => writer.string('/n').bytes(undefined).int(2_000_000_000),
    (writer: JuteWriter) => writer.string(undefined),
  ])
    expect((await client.call(OP.create, writer => void write(writer)))?.error).toBe(-5);
  await ping(client);
});

test('a name as long as a request can be is a name like another', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  await client.hello();
  const path = `/${'n'.repeat(1_000_000)}`;
  const made = await client.call(
    OP.create,
    writer => void acl(writer.string(path).bytes(undefined)).int(0),
  );
  expect(made?.body.string()).toBe(path);
  const slashes = '/'.repeat(1_000_000);
  const refused = await client.call(
    OP.create,
    writer => void acl(writer.string(slashes).bytes(undefined)).int(0),
  );
  expect(refused?.error).toBe(-101);
});

test('a client that never reads its events is cut off; the writer and the others do not feel it', async () => {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  await using server = await startEmbedded({ logger, maxUnreadEventBytes: 2_000_000 });
  await using deaf = await wireClient(server.connectString);
  await deaf.hello({ timeoutMs: 60_000 });
  await deaf.call(OP.addWatch, writer => writer.string('/').int(1));
  deaf.socket.pause();
  await using writer = await openSession({ servers: server.connectString });
  await using other = await openSession({ servers: server.connectString });
  const heard: string[] = [];
  const name = 'x'.repeat(20_000);
  await other.addWatch('/', 'persistent-recursive', ({ path }) => heard.push(path));
  let writes = 0;
  while (logger.warn.mock.calls.length === 0 && writes < 2_000) {
    await writer.create(`/${name}-${writes}`);
    writes += 1;
  }
  expect(logger.warn.mock.calls.map(([, text]) => text)).toEqual([
    'a client does not read its events: it is cut off',
  ]);
  await other.sync('/');
  expect(heard).toHaveLength(writes);
  deaf.socket.resume();
  await deaf.ended;
});

test('a client that asks and never reads is asked no more of: its requests wait', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  await client.hello({ timeoutMs: 60_000 });
  const data = Buffer.alloc(900_000, 'x');
  await client.call(OP.create, writer => void acl(writer.string('/big').bytes(data)).int(0));
  client.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 200; count += 1)
    client.send(OP.getData, writer => writer.string('/big').bool(false));
  await using witness = await wireClient(server.connectString);
  await witness.hello();
  for (let count = 0; count < 50; count += 1) await ping(witness);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  client.socket.resume();
  for (let count = 0; count < 200; count += 1) expect((await client.next())?.kind).toBe('reply');
});

test.each([
  ['a four-letter word', [Buffer.from('ruok')]],
  ['the end of its session', [hello, frame(1, OP.closeSession, () => undefined)]],
  ['an operation that is not known', [hello, frame(1, 9_999, () => undefined)]],
])('what a client sends after %s is not kept', async (_, greeting) => {
  await using server = await startEmbedded();
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  const ended = new Promise(resolve => socket.once('end', resolve));
  socket.on('error', () => undefined).resume();
  socket.write(Buffer.concat(greeting));
  await ended;
  await collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const chunk = Buffer.alloc(1_000_000);
  for (let count = 0; count < 200; count += 1)
    await new Promise(resolve => void socket.write(chunk, resolve));
  await collectGarbage();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  socket.destroy();
});

test('the answer to four letters is whole, however long, also for who has no more to say', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  await client.hello({ timeoutMs: 60_000 });
  for (let count = 0; count < 300; count += 1)
    await client.call(OP.create, writer => {
      acl(writer.string(`/${'n'.repeat(50_000)}-${count}`).bytes(undefined)).int(1);
    });
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.pause().end('dump'); // as `echo dump | nc -N` does
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  for (let count = 0; count < 20; count += 1) await ping(client);
  socket.resume();
  await new Promise(resolve => socket.once('end', resolve));
  expect(answer.match(/-\d+\n/g)).toHaveLength(300);
});

test('one request cannot ask for more than fits the memory', async () => {
  await using server = await startEmbedded();
  await using client = await wireClient(server.connectString);
  await client.hello({ timeoutMs: 60_000 });
  const data = Buffer.alloc(900_000, 'x');
  await client.call(OP.create, writer => void acl(writer.string('/big').bytes(data)).int(0));
  client.send(OP.multiRead, writer => {
    for (let count = 0; count < 20_000; count += 1)
      writer.int(OP.getData).bool(false).int(-1).string('/big').bool(false);
    writer.int(-1).bool(true).int(-1);
  });
  expect(await client.next()).toBeUndefined();
});

test('no more connections are taken than may be, and there is room again when they go', async () => {
  await using server = await startEmbedded({ maxConnections: 1_500 });
  const sockets: Socket[] = [];
  for (let count = 0; count < 1_600; count += 1) {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(hello);
    sockets.push(socket);
  }
  const welcomed = new Set<Socket>();
  for (const socket of sockets) socket.on('data', () => welcomed.add(socket));
  await eventually(() => expect(welcomed.size).toBe(1_500), patience);
  const refused = sockets.filter(socket => !welcomed.has(socket));
  await eventually(
    () => expect(refused.filter(({ destroyed }) => !destroyed)).toEqual([]),
    patience,
  );
  for (const socket of sockets) socket.destroy();
  await eventually(async () => {
    await using client = await wireClient(server.connectString);
    expect(await client.hello()).toBeDefined();
  }, patience);
});
