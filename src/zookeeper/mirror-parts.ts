import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Session, ZnodePath } from './api.ts';
import type { MirrorOptions } from './mirror-api.ts';
import type { MirrorDelivery } from './mirror-delivery.ts';
import type { Pending } from './mirror-pending.ts';
import type { AnswerSizes } from './mirror-sizes.ts';
import type { MirrorTree } from './mirror-tree.ts';
import type { MirrorTrust } from './mirror-trust.ts';
import type { Watermark } from './mirror-watermark.ts';

/** What the parts of one mirror share. */
export interface MirrorParts {
  readonly session: Session;
  readonly options: MirrorOptions;
  readonly roots: ReadonlySet<ZnodePath>;
  readonly tree: MirrorTree;
  readonly trust: MirrorTrust;
  readonly mark: Watermark;
  readonly pending: Pending;
  readonly delivery: MirrorDelivery;
  readonly sizes: AnswerSizes;
  /** What the answer to one read should weigh at most. */
  readonly batchBytes: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly lastZxid: () => bigint;
  /** The mirror was closed: nothing is delivered any more. */
  readonly isClosed: () => boolean;
}
