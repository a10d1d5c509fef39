import { setMaxListeners } from 'node:events';
import { abortedError } from '../kernel/abort.ts';
import { backoffMs } from '../kernel/backoff.ts';
import { errorText, isAbort, RollcallError } from '../kernel/errors.ts';
import { lane } from '../kernel/lane.ts';
import { childListsStrategy } from './mirror-child-lists.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { childOf } from './mirror-paths.ts';
import { recursiveStrategy } from './mirror-recursive.ts';
import { scan, type Unsettled } from './mirror-scan.ts';
import type { EventSink, WatchStrategy } from './mirror-strategy.ts';

/** Follows the session: at every attachment the watches are put in place and everything is read again. */
export interface MirrorSync {
  start(): void;
  /** Ends what is under way; nothing begins any more. Resolves when it has ended. */
  stop(): Promise<void>;
  /** Takes the watches away. */
  disarm(): Promise<void>;
}

export interface SyncOutcome {
  /** Resolves when no read of an earlier attachment is under way. */
  quiet(): Promise<void>;
  /** The copy is complete, watches are in place, until `signal` aborts. */
  complete(strategy: WatchStrategy, signal: AbortSignal): void;
  /** The session was closed: there will be no complete copy. */
  gaveUp(error: RollcallError): void;
}

export function mirrorSync(parts: MirrorParts, sink: EventSink, outcome: SyncOutcome): MirrorSync {
  const { session, mark, delivery, clock, random, logger } = parts;
  const inTurn = lane();
  let strategy: WatchStrategy | undefined;
  let current: AbortController | undefined;
  let everComplete = false;
  const undo: (() => void)[] = [];

  /** From here until the next complete re-read, events may be missed: the copy is old, and W stands. */
  const halt = (): void => {
    mark.freeze();
    current?.abort(abortedError('a read over a connection that is gone'));
    current = undefined;
    delivery.becomeStale();
    delivery.touch();
  };

  const begin = (): void => {
    halt();
    const attachment = new AbortController();
    setMaxListeners(0, attachment.signal); // every read of it listens
    current = attachment;
    void inTurn(() => synchronize(attachment.signal));
  };

  const synchronize = async (signal: AbortSignal): Promise<void> => {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await readAll(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!isAbort(error))
          logger.warn(
            { error: errorText(error), attempt },
            'the mirror could not be read, and is tried again',
          );
        await clock.sleep(backoffMs(attempt, random()), signal).catch(() => undefined);
      }
    }
  };

  const readAll = async (signal: AbortSignal): Promise<void> => {
    const beganMs = clock.nowMs();
    const chosen = await choose(signal);
    await chosen.arm(signal);
    await outcome.quiet();
    if (parts.lastZxid() < mark.value()) forget();
    const reason = everComplete ? 'resync' : 'cold';
    const unsettled = await scan(parts, chosen, reason, signal);
    if (signal.aborted) return;
    everComplete = true;
    parts.pending.doubt();
    for (const open of unsettled) leaveOpen(open);
    mark.thaw();
    const tookMs = Math.round(clock.nowMs() - beganMs);
    logger.info(
      { reason, strategy: chosen.kind, nodes: parts.tree.size, tookMs },
      'the mirror is complete',
    );
    delivery.becomeLive();
    delivery.touch();
    outcome.complete(chosen, signal);
  };

  /** Asked once the watch is live again; until then W stays where it was when the connection went. What came in meanwhile is newer. */
  const leaveOpen = (open: Unsettled): void =>
    parts.pending.noteEarlier({
      ...open,
      mark: mark.value(),
      eventAtMs: undefined,
      reason: 'watch',
      dataChanged: false,
    });

  /**
   * The ensemble went back behind what was delivered: it was rebuilt or restored. Its zxids say nothing of the nodes that we know,
   * so all of them are gone, and what there is now is read as in the beginning.
   */
  const forget = (): void => {
    logger.warn(
      { watermark: String(mark.value()), zxid: String(parts.lastZxid()) },
      'the ensemble was rebuilt: the mirror begins again',
    );
    const edit = parts.tree.edit();
    for (const root of parts.roots) edit.remove(root, 0n);
    for (const { path, names } of [...parts.tree.listings()])
      for (const name of names) edit.remove(childOf(path, name), 0n);
    parts.pending.clear();
    mark.restart();
    everComplete = false;
    delivery.deliver(edit, { reason: 'resync', watermarkBefore: 0n, eventAtMs: undefined });
    delivery.touch();
  };

  /** Servers may be of different versions while an ensemble is upgraded. */
  const choose = async (signal: AbortSignal): Promise<WatchStrategy> => {
    const features = await session.features({ signal });
    const { roots, strategy: wanted = 'auto' } = parts.options;
    const best = features.persistentWatches ? 'persistent-recursive' : 'child-lists';
    const kind = wanted === 'auto' ? best : wanted;
    if (strategy?.kind === kind) return strategy;
    await strategy?.close();
    strategy = (kind === 'child-lists' ? childListsStrategy : recursiveStrategy)(
      session,
      roots,
      features,
      sink,
    );
    return strategy;
  };

  return {
    start() {
      undo.push(session.onAttached(begin));
      undo.push(session.onZxid(delivery.touch));
      undo.push(
        session.onState(({ kind }) => {
          if (kind === 'suspended' || kind === 'lost' || kind === 'closed') halt();
          if (kind === 'closed')
            outcome.gaveUp(
              new RollcallError('SESSION_CLOSED', 'the session was closed under the mirror'),
            );
        }),
      );
      if (session.state.kind === 'connected') begin();
    },
    async stop() {
      for (const step of undo.splice(0)) step();
      halt();
      await inTurn.idle();
    },
    async disarm() {
      await strategy?.close();
    },
  };
}
