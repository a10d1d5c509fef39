import type { ServerResponse } from 'node:http';
import type { Feed, FeedBatch, FeedSubscription } from '../aggregator/ports.ts';
import type { Clock } from '../kernel/clock.ts';
import { onClosed } from './client-signal.ts';
import { batchChunks, goodbye, HEARTBEAT, retryHint } from './sse.ts';

export interface StreamRequest {
  readonly services: readonly string[] | undefined;
  readonly resumeFrom: bigint | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StreamOptions extends StreamRequest {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly stalledMs: number;
  /** How long this client shall wait before it comes again; asked anew each time. */
  readonly retryMs: () => number;
  /** The stream has ended, whoever ended it. Called once. */
  readonly onEnded: () => void;
}

export interface Stream {
  /** Sends a heartbeat when one is due. Drops a client that has taken nothing for too long. */
  tick(): void;
  /** Says goodbye, and ends the stream. */
  leave(): void;
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  // nginx would otherwise hold the events back until its buffer is full.
  'x-accel-buffering': 'no',
} as const;

/** What is handed to the socket at one time: a client that takes so much within the time given to it is not stalled. */
const PIECE_BYTES = 64 * 1024;

/**
 * Writes one subscription of the feed on `response`. Of what the client does not take one batch waits here, beyond that the feed keeps
 * back. A batch goes out piece by piece: that a client takes a large one, however slowly, is seen, and told to the feed.
 *
 * @throws what `feed.subscribe` throws; nothing has been written then.
 */
export function openStream(response: ServerResponse, options: StreamOptions): Stream {
  const { feed, clock, services, resumeFrom, headers } = options;
  let subscription: FeedSubscription | undefined;
  let sentMs = clock.nowMs();
  /** Since when the client has taken nothing of what it was sent last. */
  let blockedSinceMs: number | undefined;
  let waiting: Iterator<Buffer> | undefined;
  let ended = false;

  /** Sends what waits, until the client has enough. Returns whether all of it went out. */
  const pump = (): boolean => {
    while (waiting !== undefined && blockedSinceMs === undefined) {
      const { done, value } = waiting.next();
      if (done === true) waiting = undefined;
      else if (!response.write(value)) blockedSinceMs = clock.nowMs();
    }
    return waiting === undefined && blockedSinceMs === undefined;
  };

  const write = (chunks: readonly Buffer[]): boolean => {
    sentMs = clock.nowMs();
    waiting = joined(waiting, piecesOf(chunks));
    return pump();
  };

  /** The feed may hand over the first batch before `subscribe` returns. */
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { ...headers, ...HEADERS });
    write([retryHint(options.retryMs())]);
  };

  const stop = (): void => {
    if (ended) return;
    ended = true;
    subscription?.close();
    options.onEnded();
  };

  const drop = (): void => {
    stop();
    response.destroy();
  };

  const leave = (): void => {
    if (ended) return;
    stop();
    begin();
    // An event that is cut off would swallow the goodbye.
    if (waiting !== undefined) for (const piece of rest(waiting)) response.write(piece);
    response.end(goodbye(options.retryMs()));
  };

  const onBatch = (batch: FeedBatch): boolean => {
    if (ended) return true;
    begin();
    return write(batchChunks(batch));
  };

  const tick = (): void => {
    if (blockedSinceMs !== undefined) {
      if (clock.nowMs() - blockedSinceMs >= options.stalledMs) drop();
    } else if (clock.nowMs() - sentMs >= options.heartbeatMs) {
      write([HEARTBEAT]);
    }
  };

  response.on('error', drop);
  response.on('drain', () => {
    blockedSinceMs = undefined;
    if (ended) return;
    if (pump()) subscription?.drained();
    else subscription?.taking();
  });
  const onEnd = (reason: 'slow' | 'shutdown'): void => (reason === 'slow' ? drop() : leave());
  const opened = feed.subscribe({ services, resumeFrom, onBatch, onEnd });
  if (ended) opened.close();
  else subscription = opened;
  onClosed(response, stop);
  if (!ended) begin();
  return { tick, leave };
}

/** Views of the chunks, which all streams share: nothing is copied. */
function* piecesOf(chunks: readonly Buffer[]): Generator<Buffer, undefined> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES)
      yield chunk.subarray(at, at + PIECE_BYTES);
  }
}

function* rest(pieces: Iterator<Buffer>): Generator<Buffer, undefined> {
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) yield next.value;
}

function joined(before: Iterator<Buffer> | undefined, after: Iterator<Buffer>): Iterator<Buffer> {
  if (before === undefined) return after;
  return (function* both(): Generator<Buffer, undefined> {
    yield* rest(before);
    yield* rest(after);
  })();
}
