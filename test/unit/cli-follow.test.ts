import { expect, test } from 'vitest';
import type { StreamOptions } from '../../src/cli/daemon-client.ts';
import { follow } from '../../src/cli/follow.ts';
import type { ServerEvent } from '../../src/cli/event-stream.ts';
import { RollcallError } from '../../src/kernel/errors.ts';
import { manualClock } from '../../src/testing/index.ts';

type Turn = string | Error;

/** A daemon that answers each connection with the next of `turns`, and then has nothing more to say. */
async function followed(turns: readonly Turn[]) {
  const asked: (string | undefined)[] = [];
  const events: ServerEvent[] = [];
  const breaks: string[] = [];
  const clock = manualClock();
  const over = new AbortController();
  const left = [...turns];
  const stream = async (_path: string, _query: URLSearchParams, options: StreamOptions) => {
    asked.push(options.lastEventId);
    const turn = left.shift();
    if (turn instanceof Error) throw turn;
    if (turn === undefined) over.abort();
    return new Blob([turn ?? '']).stream();
  };
  const following = follow({
    client: { stream },
    query: new URLSearchParams(),
    clock,
    random: () => 0.5,
    signal: over.signal,
    onEvent: event => void events.push(event),
    onBreak: (reason, waitMs) => void breaks.push(`${reason} ${waitMs}`),
  });
  let done = false;
  const end = following.finally(() => (done = true));
  end.catch(() => undefined);
  for (let step = 0; step < 200 && !done; step += 1) await clock.advance(1_000);
  await end;
  return { asked, data: events.map(({ data }) => data), breaks };
}

const away = new RollcallError('CONNECTION_LOSS', 'nobody there');

test('after a break it goes on behind the last id, also when the break was in an event', async () => {
  const { asked, data, breaks } = await followed([
    'retry: 1234\n\ndata: a\nid: 7\n\ndata: half',
    away,
    'id: 9\n\n',
    'data: b\nid: 10\n\n',
  ]);
  expect(asked).toEqual([undefined, '7', '7', '9', '10']);
  expect(data).toEqual(['a', 'b']);
  expect(breaks[0]).toBe('the daemon ended the stream 1234');
  expect(breaks[1]).toMatch(/^nobody there \d+$/);
});

test("a daemon that never answered is the caller's to hear of", async () => {
  await expect(followed([away])).rejects.toBe(away);
});

test('a daemon that refuses after all is not asked again', async () => {
  const no = new RollcallError('INVALID_REQUEST', 'no', { details: { status: 403 } });
  await expect(followed(['data: a\nid: 1\n\n', no])).rejects.toBe(no);
});

test('a daemon that starts anew (503) is asked again', async () => {
  const syncing = new RollcallError('INVALID_REQUEST', 'syncing', { details: { status: 503 } });
  const { data } = await followed(['data: a\nid: 1\n\n', syncing, 'data: b\n\n']);
  expect(data).toEqual(['a', 'b']);
});
