import type { WaitOptions } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Utf8Part, ZnodePath } from './api.ts';

/**
 * What the mirror knows of a node. Its path is put together when it is asked for (a spread leaves it out): of many siblings, `parent`
 * is one string.
 */
export interface MirrorNode {
  readonly path: ZnodePath;
  /** Of `/` itself: `/`, with an empty name. */
  readonly parent: ZnodePath;
  readonly name: string;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly version: number;
  readonly ephemeralOwner: bigint;
  readonly ctimeMs: number;
  /**
   * How many of its children were ever deleted, by the newest stat: `(cversion - numChildren) / 2`. Tells of a child that came and
   * went before it could be read. undefined: not known.
   */
  readonly deletions?: number | undefined;
  /** undefined when the mirror was opened with `keepData: false`. */
  readonly data: Buffer | undefined;
  /** Its data, while the answer that it came in is kept all the same. */
  readonly content?: Utf8Part;
}

/** One of many, with its data: of a mirror that keeps none, in the answer that it came in. */
export type FilledNode = MirrorNode &
  ({ readonly data: Buffer } | { readonly data: undefined; readonly content: Utf8Part });

export type MirrorChange =
  | NodeChange
  /** Nodes of the directory `path` that are new, and were read together; with their newest zxids. */
  | {
      readonly kind: 'filled';
      readonly path: ZnodePath;
      readonly nodes: readonly FilledNode[];
      readonly czxid: bigint;
      readonly mzxid: bigint;
    };

/** What happened to one node. */
export type NodeChange =
  | {
      readonly kind: 'put';
      readonly node: MirrorNode;
      /** It may share the memory of a whole answer: copy what is kept. */
      readonly data: Buffer;
      readonly previous: MirrorNode | undefined;
    }
  /** `zxid`: an upper bound of the deletion's zxid (the parent's pzxid, read after it; of a parent that went too: the answer's zxid). */
  | {
      readonly kind: 'gone';
      readonly node: MirrorNode;
      readonly zxid: bigint;
      /** Its data was announced to have changed after what `node` says, and it was gone before that could be read. */
      readonly unread?: true;
    }
  /** Only the node's pzxid moved (a child came or went). */
  | { readonly kind: 'directory'; readonly node: MirrorNode };

export interface MirrorBatch {
  readonly changes: readonly MirrorChange[];
  /** The watermark just before this batch: everything ≤ it was delivered in earlier batches. */
  readonly watermarkBefore: bigint;
  /** Monotonic ms when the first watch event of this batch came in; undefined when there was none (cold read, re-read, repair). */
  readonly eventAtMs: number | undefined;
  readonly reason: 'cold' | 'watch' | 'resync' | 'audit';
}

export type MirrorState =
  | { readonly kind: 'syncing' }
  | { readonly kind: 'live' }
  | { readonly kind: 'stale'; readonly sinceMs: number };

/** A live copy of one or more subtrees, kept by watches. */
export interface Mirror extends AsyncDisposable {
  readonly state: MirrorState;
  /**
   * W: every change with zxid ≤ W below the roots has been delivered. It moves with every answer of the session (pings too) while
   * nothing is pending, and stands still from a disconnect until the re-read is complete.
   */
  readonly watermark: bigint;
  /**
   * The smallest mark of the changed paths at or below `prefix` that are still to be read (see DESIGN §5), or of the whole re-read
   * when one is under way; undefined when nothing is pending there.
   */
  pendingMark(prefix: ZnodePath): bigint | undefined;
  readonly size: number;
  get(path: ZnodePath): MirrorNode | undefined;
  /** Names of the known children, sorted. */
  children(path: ZnodePath): readonly string[];
  /** Paths that could not be read (NO_AUTH, lost item), with the error. They never mean "gone". */
  readonly untrusted: ReadonlyMap<ZnodePath, RollcallError>;
  /** Batches in order, synchronously after the mirror's own state has changed. The first is the whole tree. */
  onBatch(listener: (batch: MirrorBatch) => void): () => void;
  onState(listener: (state: MirrorState) => void): () => void;
  /** Called when the watermark, or a pending mark that was there, may have moved although no batch came. Coalesced to once per turn of the event loop. */
  onWatermark(listener: () => void): () => void;
  /** Resolves at the first complete copy. */
  ready(options?: WaitOptions): Promise<void>;
  /** Runs one audit now: compares stats with the server, repairs, returns the number of differences found. */
  audit(options?: WaitOptions): Promise<number>;
  close(): Promise<void>;
}

export type MirrorStrategy = 'auto' | 'persistent-recursive' | 'child-lists';

export interface MirrorOptions {
  /** Disjoint subtrees. A root that does not exist is empty, and watched for. */
  readonly roots: readonly ZnodePath[];
  readonly strategy?: MirrorStrategy;
  /** Keep each node's bytes (default true). Without, bytes are only in the change that delivers them. */
  readonly keepData?: boolean;
  /** Mean time between audits (jittered ±50 %); 0 switches them off. Default 300 000. */
  readonly auditEveryMs?: number;
  /** Bytes of answers that one multiRead aims at. Default 512 KiB. */
  readonly batchBytes?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly logger?: Logger;
  readonly metrics?: MirrorMetrics;
}

export interface MirrorMetrics {
  drift(count: number): void;
  nodes(count: number): void;
  /** Paths that cannot be read. */
  untrusted(count: number): void;
  /** A child list's encoded size as a share of `jute.maxbuffer`. */
  childList(share: number): void;
}
