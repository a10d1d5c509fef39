import type { WaitOptions } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';

/** An absolute znode path inside the session's chroot, checked where it enters the room. */
export type ZnodePath = string;

/** A znode's facts. zxids and session ids are 64 bit. */
export interface Stat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  /** Milliseconds since 1970, by the server's clock. */
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The owning session's id; 0n for a node that is not ephemeral. */
  readonly ephemeralOwner: bigint;
  readonly dataLengthBytes: number;
  readonly numChildren: number;
  /** The zxid of the last child that was created or deleted under this node. */
  readonly pzxid: bigint;
}

export interface Acl {
  /** Bits: 1 read, 2 write, 4 create, 8 delete, 16 admin. */
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

export type CreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistent-sequential'
  | 'ephemeral-sequential'
  | 'container'
  | 'persistent-ttl'
  | 'persistent-sequential-ttl';

export interface CreateOptions extends WaitOptions {
  readonly mode?: CreateMode;
  readonly acl?: readonly Acl[];
  /** For the TTL modes, in milliseconds. */
  readonly ttlMs?: number;
  /**
   * A GUID that is part of the node's name. With it the create is *protected*: when its answer was lost, the node is looked
   * for among its siblings by this GUID before it is created again, so that it never exists twice. Without it, a create whose
   * answer was lost fails with CONNECTION_LOSS.
   */
  readonly guid?: string;
}

export interface Created {
  /** The whole path, with the sequence number where the mode gives one. */
  readonly path: ZnodePath;
  readonly stat: Stat;
}

export interface NodeData {
  readonly data: Buffer;
  readonly stat: Stat;
}

export interface NodeChildren {
  /** Names, not paths; in no particular order. */
  readonly children: readonly string[];
  readonly stat: Stat;
}

export type ReadRequest =
  | { readonly kind: 'data'; readonly path: ZnodePath }
  | { readonly kind: 'children'; readonly path: ZnodePath }
  /** Data of many nodes in the directory `path`. */
  | { readonly kind: 'siblings'; readonly path: ZnodePath; readonly names: readonly string[] };

/** Bytes that are read as text: a Buffer is one. */
export interface Utf8Source {
  /** In bytes. */
  readonly length: number;
  toString(encoding: 'utf8'): string;
}

/** Text that lies in an answer together with others'. It keeps the whole answer in memory. */
export interface Utf8Part extends Utf8Source {
  /** The whole answer: one character for each byte. */
  readonly latin1: string;
  /** Where in it this begins. */
  readonly at: number;
}

/** One item's answer of a multiRead. `error` is NO_NODE, NO_AUTH, or what else the server said of this item alone. */
export type ReadResult =
  | {
      readonly kind: 'data';
      readonly path: ZnodePath;
      readonly data: Buffer;
      readonly stat: Stat;
    }
  /** ZooKeeper's multiRead answers getChildren without a stat. */
  | { readonly kind: 'children'; readonly path: ZnodePath; readonly children: readonly string[] }
  | ({ readonly kind: 'siblings'; readonly path: ZnodePath } & Siblings & {
        /** What is not there, is large, or cannot be read. */
        readonly others: readonly SingleResult[];
      })
  | {
      readonly kind: 'error';
      readonly path: ZnodePath;
      readonly error: RollcallError;
    };

/** Small nodes of one directory, in the order in which they were asked for. */
export interface Siblings {
  readonly nodes: readonly SiblingNode[];
  /** Those of them that have children. */
  readonly parents: readonly SiblingNode[];
  /** Of the data of all. */
  readonly dataBytes: number;
  /** The newest of each; 0n of none. */
  readonly czxid: bigint;
  readonly mzxid: bigint;
}

/** What is said of one path alone. */
export type SingleResult = Exclude<ReadResult, { readonly kind: 'siblings' | 'children' }>;

/**
 * One of many nodes that were read together: there may be a million. Nothing of it is decoded before it is asked for; it keeps the
 * whole answer in memory.
 */
export interface SiblingNode extends Stat {
  readonly path: ZnodePath;
  readonly parent: ZnodePath;
  readonly name: string;
  readonly content: Utf8Part;
  readonly stat: Stat;
  /** `(cversion - numChildren) / 2`: how many of its children were ever deleted. */
  readonly deletions: number;
  readonly data: undefined;
}

export type WatchEventType = 'created' | 'deleted' | 'data-changed' | 'children-changed';

export interface WatchEvent {
  readonly type: WatchEventType;
  readonly path: ZnodePath;
  /** From ZooKeeper 3.9 on the zxid of the change; undefined from an older server. */
  readonly zxid: bigint | undefined;
}

/** A watch that fired is a hint: read again. `onLost` says that events may have been missed (a reconnect): read everything again. */
export type WatchListener = (event: WatchEvent) => void;

export type PersistentWatchMode = 'persistent' | 'persistent-recursive';

/** A watch that stays until it is closed. Re-armed after every reconnect *without* the events that were missed meanwhile. */
export interface Watch extends AsyncDisposable {
  readonly path: ZnodePath;
  /** Takes the listener away at once; resolves when the server has forgotten the watch too (or the connection is away). */
  close(): Promise<void>;
}

/** `reason` is set when there is no connection because the servers refuse our credentials (AUTH_FAILED). */
export type SessionState =
  | { readonly kind: 'connecting'; readonly reason?: RollcallError }
  | { readonly kind: 'connected'; readonly epoch: number }
  /** The server does not answer; the session may still live. Duties pause. */
  | {
      readonly kind: 'suspended';
      readonly epoch: number;
      readonly sinceMs: number;
      readonly reason?: RollcallError;
    }
  /** A whole session timeout without an answer, or the server said so. Duties and holds have ended. */
  | {
      readonly kind: 'lost';
      readonly epoch: number;
      readonly reason?: RollcallError;
    }
  | { readonly kind: 'closed' };

/** What became of the ZooKeeper session at an attachment. */
export interface Attached {
  readonly epoch: number;
  /** True when the server still had the old session: its ephemeral nodes are there, to be verified instead of made again. */
  readonly resumed: boolean;
  readonly sessionId: bigint;
}

/** A set of writes that happen together or not at all. Built by `session.transaction()`, spent by `commit()`. */
export interface Transaction {
  /** Fails the transaction unless `path` exists and (version ≥ 0) has this data version. -1 means any version; 0 means 0. */
  check(path: ZnodePath, version: number): this;
  create(
    path: ZnodePath,
    data: Buffer,
    options?: {
      readonly mode?: CreateMode;
      readonly acl?: readonly Acl[];
      readonly ttlMs?: number;
    },
  ): this;
  setData(path: ZnodePath, data: Buffer, version: number): this;
  remove(path: ZnodePath, version: number): this;
  readonly size: number;
  /**
   * @throws RollcallError of the operation that failed; `details.index` (0-based) and `details.path` name it. CONNECTION_LOSS
   * when the answer was lost: the transaction may have happened, and is never repeated by itself.
   */
  commit(options?: WaitOptions): Promise<readonly TransactionResult[]>;
}

export type TransactionResult =
  | { readonly kind: 'check' }
  | { readonly kind: 'remove' }
  | { readonly kind: 'create'; readonly path: ZnodePath; readonly stat: Stat | undefined }
  | { readonly kind: 'set'; readonly stat: Stat };

/**
 * A ZooKeeper session as a handle.
 *
 * Reads and idempotent writes retry through `suspended` until the caller's signal aborts; without a signal they end with the
 * epoch (SESSION_LOST). Writes that are not idempotent fail with CONNECTION_LOSS when their answer was lost.
 */
export interface Session extends AsyncDisposable {
  readonly state: SessionState;
  /** 0 before the first attachment, then 1, 2, … A new one begins at the first contact after `lost`. */
  readonly epoch: number;
  /** Of the present epoch: aborts when the session is lost or closed. */
  readonly signal: AbortSignal;
  /** undefined before the first attachment. */
  readonly sessionId: bigint | undefined;
  /** Negotiated with the server; the asked-for one before that. */
  readonly timeoutMs: number;
  /** The zxid of the newest answer that was received (0n before the first). Every watch event up to it was dispatched before. */
  readonly lastZxid: bigint;
  /** `host:port` of the server in use. */
  readonly server: string | undefined;
  /** `jute.maxbuffer` as we assume it (bytes). */
  readonly maxPacketBytes: number;

  /**
   * Whether the session may be relied on at this very moment: connected, and the clock, looked at now, says that the newest
   * answered request was sent less than ⅔ of the timeout ago. For use right before a guarded effect: timers are late after a pause.
   */
  trusted(): boolean;
  /** Resolves when connected. @throws SESSION_CLOSED, AUTH_FAILED, ABORTED. */
  connected(options?: WaitOptions): Promise<void>;
  onState(listener: (state: SessionState) => void): () => void;
  /** Called once for every attachment to a server, the first and each reconnect, after watches and auth are in place, before user operations go out. */
  onAttached(listener: (attached: Attached) => void): () => void;

  /** Called with `lastZxid` each time it has moved, before the answer that moved it is handed on. Listeners do no more than take note. */
  onZxid(listener: (zxid: bigint) => void): () => void;

  create(path: ZnodePath, data?: Buffer, options?: CreateOptions): Promise<Created>;
  /** Creates `path` and its missing ancestors as persistent nodes; existing ones are left as they are. */
  ensurePath(
    path: ZnodePath,
    options?: WaitOptions & {
      readonly acl?: readonly Acl[];
      readonly mode?: 'persistent' | 'container';
    },
  ): Promise<void>;
  /** undefined when there is no such node. */
  exists(path: ZnodePath, options?: WaitOptions): Promise<Stat | undefined>;
  getData(path: ZnodePath, options?: WaitOptions): Promise<NodeData>;
  getChildren(path: ZnodePath, options?: WaitOptions): Promise<NodeChildren>;
  /** @param version -1 for any; a version makes it a compare-and-set (and not repeated when its answer is lost). */
  setData(path: ZnodePath, data: Buffer, version: number, options?: WaitOptions): Promise<Stat>;
  /** @throws NO_NODE when it was not there, unless an earlier try of the same call may have removed it. */
  remove(path: ZnodePath, version: number, options?: WaitOptions): Promise<void>;
  getAcl(
    path: ZnodePath,
    options?: WaitOptions,
  ): Promise<{ readonly acl: readonly Acl[]; readonly stat: Stat }>;
  setAcl(
    path: ZnodePath,
    acl: readonly Acl[],
    aclVersion: number,
    options?: WaitOptions,
  ): Promise<Stat>;
  /** Waits until the server in use has caught up with the leader. */
  sync(path: ZnodePath, options?: WaitOptions): Promise<void>;
  transaction(): Transaction;
  /** Reads many nodes in one request (server ≥ 3.6: see `features`). Errors are per item. Not split: the caller keeps to a byte budget. The data and the stats of all items share the answer's memory, and are decoded when they are asked for: copy what is kept, field by field (a spread copies none of them). */
  multiRead(
    requests: readonly ReadRequest[],
    options?: WaitOptions,
  ): Promise<readonly ReadResult[]>;
  /** Paths of the ephemeral nodes this session owns, below `prefix`. */
  getEphemerals(prefix: ZnodePath, options?: WaitOptions): Promise<readonly ZnodePath[]>;
  getAllChildrenNumber(path: ZnodePath, options?: WaitOptions): Promise<number>;
  whoAmI(
    options?: WaitOptions,
  ): Promise<readonly { readonly scheme: string; readonly id: string }[]>;

  /** exists + a one-shot watch, armed and read in one request. `onEvent` is called at most once; `close()` forgets it (removeWatches). */
  watchExists(
    path: ZnodePath,
    onEvent: WatchListener,
    options?: WaitOptions,
  ): Promise<{ readonly stat: Stat | undefined; readonly watch: Watch }>;
  watchData(
    path: ZnodePath,
    onEvent: WatchListener,
    options?: WaitOptions,
  ): Promise<NodeData & { readonly watch: Watch }>;
  watchChildren(
    path: ZnodePath,
    onEvent: WatchListener,
    options?: WaitOptions,
  ): Promise<NodeChildren & { readonly watch: Watch }>;
  /** @throws UNIMPLEMENTED on a server before 3.6. */
  addWatch(
    path: ZnodePath,
    mode: PersistentWatchMode,
    onEvent: WatchListener,
    options?: WaitOptions,
  ): Promise<Watch>;

  /** Counts of what went over the wire since the session began, by operation name (`getData`, `multiRead`, `create`, …). */
  readonly requestCounts: Readonly<Record<string, number>>;
  /** Which newer operations the server in use has; known after the first attachment (probed, remembered per server). */
  features(options?: WaitOptions): Promise<ServerFeatures>;

  /** Closes the ZooKeeper session: its ephemeral nodes go at once. Idempotent; bounded in time when the server is away. */
  close(): Promise<void>;
}

export interface ServerFeatures {
  readonly multiRead: boolean;
  readonly persistentWatches: boolean;
  readonly containers: boolean;
}

export interface DigestAuth {
  readonly scheme: 'digest';
  /** `user:password`. Never logged. */
  readonly credentials: string;
}

export interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface SessionOptions extends WaitOptions {
  /** `host:port[,host:port…][/chroot]`; IPv6 as `[::1]:2181`. */
  readonly servers: string;
  /** Asked for; the server may bound it. Default 10 000. */
  readonly timeoutMs?: number;
  readonly auth?: readonly DigestAuth[];
  readonly tls?: TlsOptions;
  /** How long a TCP connect plus handshake may take with one server. Default: a third of the timeout, shared among the servers; 1 to 5 s. */
  readonly connectTimeoutMs?: number;
  readonly maxPacketBytes?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly logger?: Logger;
  /** Told of state transitions; see `sessionMetrics`. */
  readonly metrics?: SessionMetrics;
}

export interface SessionMetrics {
  entered(state: SessionState['kind'], epoch: number): void;
  /** A packet (request or answer) came near `jute.maxbuffer`: share is 0..1 and above. */
  packet(share: number): void;
}
