import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { nextTurn } from '../../src/kernel/turn.ts';
import { openLink } from '../../src/zookeeper/link.ts';
import { eventually } from '../support/eventually.ts';

interface Peer extends AsyncDisposable {
  readonly port: number;
  readonly accepted: readonly Socket[];
}

async function peer(): Promise<Peer> {
  const accepted: Socket[] = [];
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    accepted.push(socket);
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    accepted,
    async [Symbol.asyncDispose]() {
      for (const socket of accepted) socket.destroy();
      await new Promise(resolve => {
        server.close(resolve);
      });
    },
  };
}

function frames(count: number): Buffer {
  const all = Buffer.alloc(count * 8);
  for (let index = 0; index < count; index += 1) {
    all.writeInt32BE(4, index * 8);
    all.writeInt32BE(index, index * 8 + 4);
  }
  return all;
}

test('a flood of frames is handled in slices: other work gets its turn, the order stays', async () => {
  await using other = await peer();
  const seen: number[] = [];
  const turns: number[] = [];
  let busy = true;
  const turn = (): void => {
    turns.push(seen.length);
    if (busy) nextTurn(turn);
  };
  const link = openLink(
    { server: { host: '127.0.0.1', port: other.port }, tls: undefined, clock: systemClock },
    {
      opened: () => undefined,
      frame: frame => void seen.push(frame.readInt32BE(0)),
      gone: () => undefined,
    },
  );
  await eventually(() => expect(other.accepted).toHaveLength(1));
  nextTurn(turn);
  const count = 50_000;
  other.accepted[0]?.write(frames(count));
  await eventually(() => expect(seen).toHaveLength(count));
  busy = false;
  expect(seen.every((value, index) => value === index)).toBe(true);
  const most = turns.reduce(
    (widest, at, index) => Math.max(widest, at - (turns[index - 1] ?? 0)),
    0,
  );
  expect(most).toBeLessThanOrEqual(2 * 512);
  link.destroy(new RollcallError('SESSION_CLOSED', 'done'));
});

test('after a link was destroyed nothing more comes of it, not even what was received', async () => {
  await using other = await peer();
  const calls: string[] = [];
  const link = openLink(
    { server: { host: '127.0.0.1', port: other.port }, tls: undefined, clock: systemClock },
    {
      opened: () => void calls.push('opened'),
      frame() {
        calls.push('frame');
        link.destroy(new RollcallError('CONNECTION_LOSS', 'enough'));
      },
      gone: error => void calls.push(error.message),
    },
  );
  await eventually(() => expect(other.accepted).toHaveLength(1));
  other.accepted[0]?.write(frames(100));
  await eventually(() => expect(calls).toHaveLength(3));
  link.write(frames(1));
  link.destroy(new RollcallError('CONNECTION_LOSS', 'again'));
  expect(calls).toEqual(['opened', 'frame', 'enough']);
});
