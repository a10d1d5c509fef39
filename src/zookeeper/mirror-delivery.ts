import type { Clock } from '../kernel/clock.ts';
import { errorText } from '../kernel/errors.ts';
import { listeners } from '../kernel/listeners.ts';
import type { Logger } from '../kernel/log.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { MirrorBatch, MirrorMetrics, MirrorState } from './mirror-api.ts';
import type { MirrorTree, TreeEdit } from './mirror-tree.ts';
import type { MirrorTrust } from './mirror-trust.ts';

export interface Occasion {
  readonly reason: MirrorBatch['reason'];
  readonly watermarkBefore: bigint;
  readonly eventAtMs: number | undefined;
}

/** The mirror's way out: what its listeners are told, and the metrics. */
export interface MirrorDelivery {
  readonly state: MirrorState;
  /** After the state of the mirror (pending marks too) has changed. */
  deliver(edit: TreeEdit, occasion: Occasion): void;
  /** A list of children was read, or is estimated to have that size. */
  listSize(bytes: number): void;
  becomeLive(): void;
  /** Nothing to do before the first complete copy. */
  becomeStale(): void;
  /** The watermark or pending marks may have moved: listeners are told in the next turn of the event loop. */
  touch(): void;
  onBatch(listener: (batch: MirrorBatch) => void): () => void;
  onState(listener: (state: MirrorState) => void): () => void;
  onWatermark(listener: () => void): () => void;
}

export interface DeliveryParts {
  readonly tree: MirrorTree;
  readonly trust: MirrorTrust;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MirrorMetrics | undefined;
  readonly maxPacketBytes: number;
}

export function mirrorDelivery(parts: DeliveryParts): MirrorDelivery {
  const { tree, trust, clock, logger, metrics } = parts;
  const failed = (error: unknown): void =>
    logger.error({ error: errorText(error) }, 'a listener of the mirror failed');
  const batches = listeners<MirrorBatch>(failed);
  const states = listeners<MirrorState>(failed);
  const movements = listeners<void>(failed);
  let state: MirrorState = { kind: 'syncing' };
  let touched = false;

  const become = (next: MirrorState): void => {
    state = next;
    states.emit(next);
  };

  const listSize = (bytes: number): void => metrics?.childList(bytes / parts.maxPacketBytes);

  return {
    get state() {
      return state;
    },
    deliver(edit, { reason, watermarkBefore, eventAtMs }) {
      const changes = edit.changes();
      if (changes.length === 0) return;
      for (const change of changes)
        if (change.kind === 'gone' && tree.get(change.node.path) === undefined)
          trust.isGone(change.node.path);
      batches.emit({ changes, watermarkBefore, eventAtMs, reason });
      metrics?.nodes(tree.size);
      for (const directory of edit.grown) listSize(tree.listBytes(directory));
    },
    listSize,
    becomeLive() {
      if (state.kind !== 'live') become({ kind: 'live' });
    },
    becomeStale() {
      if (state.kind === 'live') become({ kind: 'stale', sinceMs: clock.nowMs() });
    },
    touch() {
      if (touched || movements.size === 0) return;
      touched = true;
      nextTurn(() => {
        touched = false;
        movements.emit();
      });
    },
    onBatch: batches.add,
    onState: states.add,
    onWatermark: movements.add,
  };
}
