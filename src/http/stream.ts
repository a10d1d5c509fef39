import type { ServerResponse } from 'node:http';
import type { Feed, FeedBatch, FeedSubscription } from '../aggregator/ports.ts';
import type { Clock } from '../kernel/clock.ts';
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

/**
 * Writes one subscription of the feed on `response`. What the client does not take stays in its socket's buffer up to one batch;
 * beyond that the feed keeps back.
 *
 * @throws what `feed.subscribe` throws; nothing has been written then.
 */
export function openStream(response: ServerResponse, options: StreamOptions): Stream {
  const { feed, clock, services, resumeFrom, headers } = options;
  let subscription: FeedSubscription | undefined;
  let sentMs = clock.nowMs();
  let blockedSinceMs: number | undefined;
  let ended = false;

  const write = (chunks: readonly Buffer[]): boolean => {
    sentMs = clock.nowMs();
    let open = true;
    for (const chunk of chunks) open = response.write(chunk);
    if (!open) blockedSinceMs ??= sentMs;
    return open;
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

  response.on('close', stop);
  response.on('error', drop);
  response.on('drain', () => {
    blockedSinceMs = undefined;
    if (!ended) subscription?.drained();
  });
  const onEnd = (reason: 'slow' | 'shutdown'): void => (reason === 'slow' ? drop() : leave());
  const opened = feed.subscribe({ services, resumeFrom, onBatch, onEnd });
  if (ended) opened.close();
  else subscription = opened;
  // Who went away before we listened is not heard to go.
  if (response.destroyed) stop();
  else begin();
  return { tick, leave };
}
