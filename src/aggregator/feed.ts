import type { Clock, Timer } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import { feedCoalescer, type FoldedService } from './feed-coalescer.ts';
import { foldedEvents, snapshotEvents } from './feed-events.ts';
import { feedFanOut } from './feed-fan-out.ts';
import { feedLog } from './feed-log.ts';
import { feedSubscriber, type FeedSubscriber } from './feed-subscriber.ts';
import type { Feed, FeedEvent, FeedOptions } from './ports.ts';
import { smaller } from './published-index.ts';
import type { ViewNotice } from './view-notice.ts';
import type { LiveView } from './view.ts';

export interface FeedSettings {
  /** The trailing edge of coalescing. 0: every change goes out by itself. Default 50. */
  readonly coalesceMs?: number;
  /** Events that are kept for those who are slower; further behind means a reset. Default 10 000. */
  readonly replayEvents?: number;
  /** Default 10 000. */
  readonly maxSubscribers?: number;
  /** Who takes nothing for so long is given up. Default 30 000. */
  readonly slowSubscriberMs?: number;
  /** How long somebody who knows more than this replica is held until it has caught up. Default 10 000. */
  readonly holdForReplicaMs?: number;
  /** How often, at the most, a batch is sent for a new id alone. Default 1 000. */
  readonly idEveryMs?: number;
  /** How long fan-out may take in one turn of the event loop. Default 5. */
  readonly sliceMs?: number;
}

export interface FeedParts extends FeedSettings {
  readonly view: LiveView;
  readonly clock: Clock;
  readonly onReset: () => void;
  /** A change was told: so long after its watch event came in. */
  readonly onPropagated: (elapsedMs: number) => void;
  readonly onError: (error: unknown) => void;
}

export interface OpenFeed extends Feed {
  /** Ends every subscription with `shutdown`. */
  close(): void;
}

/**
 * The one ordered feed. A subscriber is told every change of its services, in order, folded within short windows; what it is told
 * twice changes nothing; what it was not told has a zxid above the id of the last batch.
 */
export function openFeed(parts: FeedParts): OpenFeed {
  const { view, clock } = parts;
  const { maxSubscribers = 10_000, idEveryMs = 1_000 } = parts;
  const log = feedLog(parts.replayEvents ?? 10_000);
  const events = snapshotEvents();
  const fanOut = feedFanOut(clock, parts.sliceMs ?? 5, (subscriber, error) => {
    end(subscriber, 'slow');
    parts.onError(error);
  });
  const subscribers = new Map<FeedSubscriber, FeedOptions>();
  let ticker: Timer | undefined;
  let toldId = 0n;
  let closed = false;

  const coalescer = feedCoalescer({ clock, windowMs: parts.coalesceMs ?? 50, tell: tellFolded });

  /** Everything ≤ it has been told, or is in what has been appended to the log. */
  const streamId = (): bigint => smaller(view.watermark, coalescer.mark());

  const append = (batch: readonly FeedEvent[], unseen?: ViewNotice['unseen']): void => {
    log.append(streamId(), batch, unseen);
    fanOut.serve(subscribers.keys());
  };

  function tellFolded(folded: readonly FoldedService[]): void {
    const unseen = new Set(folded.flatMap(each => (each.unseen ? each.service : [])));
    const batch = folded.flatMap(each => foldedEvents(each, view.service(each.service), events));
    append(batch, unseen);
    for (const { eventAtMs } of folded) {
      if (eventAtMs !== undefined) parts.onPropagated(clock.nowMs() - eventAtMs);
    }
  }

  /** Who hears of nothing else needs a fresh id now and then, or it would resume from long ago. */
  const tick = (): void => {
    ticker = undefined;
    const id = streamId();
    if (id > toldId) {
      toldId = id;
      append([]);
    }
    keepTicking();
  };
  const keepTicking = (): void => {
    if (subscribers.size > 0) ticker ??= clock.after(idEveryMs, tick, { unref: true });
  };

  const serveHeld = (): void => {
    const held = [...subscribers.keys()].filter(subscriber => subscriber.isHeld);
    if (held.length > 0) fanOut.serve(held);
  };

  const restart = (): void => {
    coalescer.clear();
    toldId = 0n;
    for (const subscriber of subscribers.keys()) subscriber.reset('index-went-back');
  };

  const undo = [
    view.onNotice(notice => {
      coalescer.note(notice, notice.watermarkBefore);
      // Before anything is told that claims to know of what may have been missed.
      if (notice.unseen === 'all') append([], 'all');
      coalescer.flush();
    }),
    view.onState(state => append([{ type: 'state', state }])),
    view.onTopic('watermark', serveHeld),
    view.onRestart(restart),
  ];

  const drop = (subscriber: FeedSubscriber): FeedOptions | undefined => {
    const options = subscribers.get(subscriber);
    subscribers.delete(subscriber);
    subscriber.close();
    fanOut.remove(subscriber);
    return options;
  };

  /** Also of one that threw: it harms nobody but itself. */
  const end = (subscriber: FeedSubscriber, reason: 'slow' | 'shutdown'): void => {
    try {
      drop(subscriber)?.onEnd(reason);
    } catch (error) {
      parts.onError(error);
    }
  };

  return {
    subscribe(options) {
      if (closed) throw new RollcallError('SHUTTING_DOWN', 'this replica shuts down: ask another');
      if (view.state.kind === 'syncing') {
        throw new RollcallError(
          'VIEW_SYNCING',
          'this replica has no complete view yet: ask again soon',
        );
      }
      if (subscribers.size >= maxSubscribers) {
        throw new RollcallError(
          'LIMIT_REACHED',
          `the feed has ${maxSubscribers} subscribers already`,
        );
      }
      const subscriber: FeedSubscriber = feedSubscriber({
        options,
        view,
        log,
        events,
        clock,
        streamId,
        onReset: parts.onReset,
        wake: () => fanOut.add(subscriber),
        onSlow: () => end(subscriber, 'slow'),
        slowMs: parts.slowSubscriberMs ?? 30_000,
        holdMs: parts.holdForReplicaMs ?? 10_000,
      });
      subscribers.set(subscriber, options);
      fanOut.add(subscriber);
      keepTicking();
      const { drained, taking } = subscriber;
      return { drained, taking, close: () => void drop(subscriber) };
    },
    get subscribers() {
      return subscribers.size;
    },
    close() {
      closed = true;
      for (const step of undo) step();
      ticker?.cancel();
      for (const subscriber of [...subscribers.keys()]) end(subscriber, 'shutdown');
      fanOut.close();
      coalescer.close();
    },
  };
}
