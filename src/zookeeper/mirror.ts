import { abortable, abortedError, deferred } from '../kernel/abort.ts';
import { systemClock } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/log.ts';
import { systemRandom } from '../kernel/random.ts';
import type { Session } from './api.ts';
import type { Mirror, MirrorOptions } from './mirror-api.ts';
import { mirrorAudits } from './mirror-audits.ts';
import { mirrorDelivery } from './mirror-delivery.ts';
import type { MirrorParts } from './mirror-parts.ts';
import { pending as pendingPaths } from './mirror-pending.ts';
import { mirrorPump } from './mirror-pump.ts';
import { answerSizes } from './mirror-sizes.ts';
import type { EventSink } from './mirror-strategy.ts';
import { mirrorSync } from './mirror-sync.ts';
import { mirrorTree } from './mirror-tree.ts';
import { mirrorTrust } from './mirror-trust.ts';
import { watermark } from './mirror-watermark.ts';

const DEFAULT_BATCH_BYTES = 512 * 1024;
const DEFAULT_AUDIT_EVERY_MS = 300_000;

/**
 * Begins to mirror one or more subtrees; returns at once. The mirror is `syncing` until the first complete copy, and goes on
 * through every reconnect and every new session until it is closed. The caller closes it, before the session.
 */
export function openMirror(session: Session, options: MirrorOptions): Mirror {
  return openMirrorWith(session, options, watermark);
}

/** The same, with the bookkeeping of W handed in: tests show that they notice a wrong one. */
export function openMirrorWith(
  session: Session,
  options: MirrorOptions,
  makeWatermark: typeof watermark,
): Mirror {
  const { clock = systemClock, random = systemRandom, logger = silentLogger, metrics } = options;
  const lastZxid = (): bigint => session.lastZxid;
  const roots = new Set(options.roots);
  const tree = mirrorTree({ keepData: options.keepData !== false });
  const trust = mirrorTrust({ logger, onCount: count => metrics?.untrusted(count) });
  const mark = makeWatermark({ roots: options.roots, lastZxid });
  const pending = pendingPaths(mark);
  const delivery = mirrorDelivery({
    tree,
    trust,
    clock,
    logger,
    metrics,
    maxPacketBytes: session.maxPacketBytes,
  });
  const complete = deferred<void>();
  complete.promise.catch(() => undefined);
  let closing: Promise<void> | undefined;

  const parts: MirrorParts = {
    session,
    options,
    roots,
    tree,
    trust,
    mark,
    pending,
    delivery,
    sizes: answerSizes(),
    batchBytes: options.batchBytes ?? DEFAULT_BATCH_BYTES,
    clock,
    random,
    logger,
    lastZxid,
    isClosed: () => closing !== undefined,
  };

  const pump = mirrorPump(parts, () => audits.settled());

  const sink: EventSink = (path, need, event) => {
    pending.note({
      path,
      need,
      mark: mark.markOf(event),
      eventAtMs: clock.nowMs(),
      reason: 'watch',
      dataChanged: event.type === 'data-changed',
    });
    pump.heard();
  };

  const sync = mirrorSync(parts, sink, {
    quiet: pump.idle,
    complete: (strategy, signal) => {
      pump.resume(strategy, signal);
      complete.resolve();
      audits.live(strategy, signal);
    },
    gaveUp: error => complete.reject(error),
  });

  const audits = mirrorAudits(parts, {
    everyMs: options.auditEveryMs ?? DEFAULT_AUDIT_EVERY_MS,
    noted: pump.wake,
  });

  const close = async (): Promise<void> => {
    complete.reject(
      new RollcallError('SHUTTING_DOWN', 'the mirror was closed before it was complete'),
    );
    audits.close();
    await sync.stop();
    await Promise.all([pump.idle(), audits.idle()]);
    await sync.disarm();
  };

  sync.start();

  return {
    get state() {
      return delivery.state;
    },
    get watermark() {
      return mark.value();
    },
    pendingMark: mark.pendingMark,
    get size() {
      return tree.size;
    },
    get: tree.get,
    children: tree.children,
    untrusted: trust.untrusted,
    onBatch: delivery.onBatch,
    onState: delivery.onState,
    onWatermark: delivery.onWatermark,
    ready: ({ signal } = {}) => abortable(complete.promise, signal),
    audit: ({ signal } = {}) => {
      if (closing !== undefined)
        return Promise.reject(abortedError('the audit of a closed mirror'));
      return audits.run(signal);
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}
