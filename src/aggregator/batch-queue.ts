import type { Clock, Timer } from '../kernel/clock.ts';
import { nextTurn } from '../kernel/turn.ts';
import type { MirrorBatch, MirrorChange } from '../zookeeper/index.ts';

/** Applies the mirror's batches in order: a small one at once, in the turn in which it comes; a large one in slices. */
export interface BatchQueue {
  push(batch: MirrorBatch): void;
  /** While something waits: the watermark before the oldest batch that is not wholly applied. Nothing later may be claimed. */
  mark(): bigint | undefined;
  close(): void;
}

export interface BatchQueueParts {
  readonly clock: Clock;
  /** How long one slice may take. */
  readonly sliceMs: number;
  /** Before the first change of a batch. */
  readonly begin: (batch: MirrorBatch) => void;
  readonly apply: (change: MirrorChange, batch: MirrorBatch) => void;
  /** After each slice: what it brought about may be told. `done`: it was the batch's last. */
  readonly slice: (batch: MirrorBatch, done: boolean) => void;
}

/** The clock is looked at after so many nodes. */
const NODES_A_LOOK = 64;

const nodesIn = (change: MirrorChange): number =>
  change.kind === 'filled' ? change.nodes.length : 1;

export function batchQueue(parts: BatchQueueParts): BatchQueue {
  const { clock } = parts;
  const waiting: MirrorBatch[] = [];
  let at = 0;
  let scheduled: Timer | undefined;

  const head = (): MirrorBatch | undefined => waiting[0];

  /** Returns whether the batch has been applied to its end. */
  const applySome = (batch: MirrorBatch, untilMs: number): boolean => {
    if (at === 0) parts.begin(batch);
    let nodes = 0;
    for (let change = batch.changes[at]; change !== undefined; change = batch.changes[at]) {
      parts.apply(change, batch);
      at += 1;
      nodes += nodesIn(change);
      if (nodes < NODES_A_LOOK) continue;
      nodes = 0;
      if (clock.nowMs() >= untilMs) break;
    }
    return at >= batch.changes.length;
  };

  const run = (): void => {
    scheduled = undefined;
    const untilMs = clock.nowMs() + parts.sliceMs;
    for (let batch = head(); batch !== undefined; batch = head()) {
      const done = applySome(batch, untilMs);
      if (done) {
        waiting.shift();
        at = 0;
      }
      parts.slice(batch, done);
      if (clock.nowMs() >= untilMs) break;
    }
    if (head() !== undefined) scheduled = nextTurn(run);
  };

  return {
    push(batch) {
      waiting.push(batch);
      if (scheduled === undefined && waiting.length === 1) run();
    },
    mark: () => head()?.watermarkBefore,
    close() {
      scheduled?.cancel();
      waiting.length = 0;
    },
  };
}
