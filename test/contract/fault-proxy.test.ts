import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, faultProxy } from '../../src/testing/index.ts';
import { eventually } from '../support/eventually.ts';

interface Peer {
  readonly socket: Socket;
  received(): string;
  readonly closed: Promise<unknown>;
}

let server: Server;
let proxy: FaultProxy;
let accepted: Peer[] = [];
const opened: Socket[] = [];

function peer(socket: Socket): Peer {
  let text = '';
  socket.on('data', chunk => {
    text += chunk.toString('utf8');
  });
  socket.on('error', () => undefined);
  opened.push(socket);
  return {
    socket,
    received: () => text,
    closed: new Promise(resolve => socket.once('close', resolve)),
  };
}

beforeEach(async () => {
  accepted = [];
  server = createServer(socket => accepted.push(peer(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  proxy = await faultProxy({ target: `127.0.0.1:${address.port}` });
});

afterEach(async () => {
  await proxy.close();
  for (const socket of opened.splice(0)) socket.destroy();
  await new Promise(resolve => server.close(resolve));
});

async function pair(): Promise<{ readonly near: Peer; readonly far: Peer }> {
  const before = accepted.length;
  const near = peer(connect(proxy.port, '127.0.0.1'));
  await once(near.socket, 'connect');
  await eventually(() => expect(accepted.length).toBe(before + 1));
  const far = accepted[before];
  if (far === undefined) throw new Error('not accepted');
  return { near, far };
}

async function roundTrip(
  { near, far }: { readonly near: Peer; readonly far: Peer },
  mark: string,
): Promise<void> {
  near.socket.write(`up ${mark};`);
  far.socket.write(`down ${mark};`);
  await eventually(() => {
    expect(far.received()).toContain(`up ${mark};`);
    expect(near.received()).toContain(`down ${mark};`);
  });
}

test('bytes pass in both directions, a close passes on, and both are counted', async () => {
  const both = await pair();
  await roundTrip(both, '1');
  expect(proxy.connections).toBe(1);
  both.near.socket.end();
  await both.far.closed;
  await eventually(() => expect(proxy.connections).toBe(0));
  expect(proxy.accepted).toBe(1);
  expect(proxy.passed).toEqual({ upBytes: 5, downBytes: 7 });
});

test('cut breaks what is open and refuses what comes; heal accepts again on the same port', async () => {
  const { near, far } = await pair();
  await proxy.cut();
  await Promise.all([near.closed, far.closed]);
  const refused = connect(proxy.port, '127.0.0.1');
  const [error] = await once(refused, 'error');
  expect(error).toHaveProperty('code', 'ECONNREFUSED');
  await proxy.heal();
  await roundTrip(await pair(), 'healed');
});

test('pausing one direction holds its bytes and the end of the connection, while the other flows; resume lets them through in order', async () => {
  const { near, far } = await pair();
  proxy.pause('down');
  far.socket.write('held 1;');
  far.socket.end('held 2;');
  near.socket.write('goes up;');
  await eventually(() => expect(far.received()).toBe('goes up;'));
  expect(near.received()).toBe('');
  expect(near.socket.readableEnded).toBe(false);
  proxy.resume('down');
  await eventually(() => expect(near.received()).toBe('held 1;held 2;'));
  await near.closed;
});

test('a connection made while both directions are paused is accepted and mute', async () => {
  proxy.pause('both');
  const both = await pair();
  both.near.socket.write('hello;');
  both.far.socket.write('welcome;');
  const other = await pair();
  expect([both.far.received(), both.near.received(), other.far.received()]).toEqual(['', '', '']);
  proxy.resume('both');
  await eventually(() =>
    expect([both.far.received(), both.near.received()]).toEqual(['hello;', 'welcome;']),
  );
});

test('a reset behind a paused direction is not seen in front of it', async () => {
  const { near, far } = await pair();
  proxy.pause('up');
  near.socket.resetAndDestroy();
  far.socket.write('still there;');
  await eventually(() => expect(proxy.passed.downBytes).toBe(12));
  expect(far.socket.destroyed).toBe(false);
  proxy.resume('up');
  await far.closed;
});

test('half a send lets exactly so many bytes through and ends that connection; the next one is whole', async () => {
  const { near, far } = await pair();
  const happened = proxy.halfSend(7);
  far.socket.write('abc');
  far.socket.write('defghijkl');
  await happened;
  await near.closed;
  expect(near.received()).toBe('abcdefg');
  await far.closed;
  const next = await pair();
  await roundTrip(next, 'a whole frame again');
});

test('a delay keeps the order, and ends with heal', async () => {
  const { near, far } = await pair();
  proxy.delay(40);
  const began = performance.now();
  far.socket.write('late 1;');
  await eventually(() => expect(near.received()).toBe('late 1;'));
  expect(performance.now() - began).toBeGreaterThanOrEqual(39);
  far.socket.write('late 2;');
  await proxy.heal();
  far.socket.write('prompt;');
  await eventually(() => expect(near.received()).toBe('late 1;late 2;prompt;'));
});

test('dropped connections are reset on both sides, and new ones are accepted', async () => {
  const { near, far } = await pair();
  proxy.dropConnections();
  await Promise.all([near.closed, far.closed]);
  await roundTrip(await pair(), 'new');
});

test('a target that is down looks like a connection that ends at once', async () => {
  const other = await faultProxy({ target: '127.0.0.1:1' });
  const { closed } = peer(connect(other.port, '127.0.0.1'));
  await closed;
  await other.close();
});

test('a target without a port is refused', async () => {
  await expect(faultProxy({ target: 'localhost' })).rejects.toMatchObject({
    code: 'INVALID_CONNECT_STRING',
  });
});
