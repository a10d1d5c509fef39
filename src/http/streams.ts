import type { ServerResponse } from 'node:http';
import type { Feed } from '../aggregator/ports.ts';
import type { Clock, Timer } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { openStream, type Stream, type StreamRequest } from './stream.ts';

export interface StreamSettings {
  /** A stream on which nothing was sent for so long gets a comment. Default 15 s. */
  readonly heartbeatMs?: number;
  /** A client that takes nothing for so long is dropped. Default 30 s. */
  readonly stalledMs?: number;
  /** How long clients wait before they come again; up to twice that, so that they do not all come at once. Default 1 s. */
  readonly retryMs?: number;
}

/** The streams that are open, each fed by one subscription. */
export interface Streams {
  /**
   * Sends the feed on `response` until the client goes away, stops reading, or the daemon shuts down.
   *
   * @throws RollcallError LIMIT_REACHED, VIEW_SYNCING, SHUTTING_DOWN: nothing has been written then.
   */
  open(response: ServerResponse, request: StreamRequest): void;
  /** Says goodbye on every stream and ends it; new ones are refused from now on. */
  close(): void;
  readonly size: number;
}

/** How exact heartbeats and the end of a client's patience are. */
const LOOK_EVERY_MS = 1_000;

export function createStreams(
  feed: Feed,
  clock: Clock,
  random: Random,
  settings: StreamSettings = {},
): Streams {
  const { heartbeatMs = 15_000, stalledMs = 30_000, retryMs = 1_000 } = settings;
  const streams = new Set<Stream>();
  let ticker: Timer | undefined;
  let closed = false;

  /** One timer for all streams, and none while there is no stream. */
  const keepTicking = (): void => {
    if (streams.size > 0) ticker ??= clock.after(LOOK_EVERY_MS, tick, { unref: true });
  };
  const tick = (): void => {
    ticker = undefined;
    for (const stream of [...streams]) stream.tick();
    keepTicking();
  };

  return {
    open(response, request) {
      if (closed) throw new RollcallError('SHUTTING_DOWN', 'this replica shuts down: ask another');
      let stream: Stream | undefined;
      let ended = false;
      stream = openStream(response, {
        ...request,
        feed,
        clock,
        heartbeatMs,
        stalledMs,
        retryMs: () => Math.round(retryMs * (1 + random())),
        onEnded: () => {
          ended = true;
          if (stream !== undefined) streams.delete(stream);
        },
      });
      if (!ended) streams.add(stream);
      keepTicking();
    },
    close() {
      closed = true;
      for (const stream of [...streams]) stream.leave();
      ticker?.cancel();
    },
    get size() {
      return streams.size;
    },
  };
}
