/** Every failure that Rollcall reports on purpose has one of these codes. The set is closed. */
export type RollcallErrorCode =
  // the way to ZooKeeper
  | 'CONNECTION_LOSS'
  | 'SESSION_LOST'
  | 'SESSION_CLOSED'
  | 'AUTH_FAILED'
  | 'TIMEOUT'
  | 'ABORTED'
  // ZooKeeper's own answers
  | 'NO_NODE'
  | 'NODE_EXISTS'
  | 'NOT_EMPTY'
  | 'BAD_VERSION'
  | 'NO_AUTH'
  | 'INVALID_ACL'
  | 'NO_CHILDREN_FOR_EPHEMERALS'
  | 'NO_WATCHER'
  | 'UNIMPLEMENTED'
  | 'RUNTIME_INCONSISTENCY'
  | 'BAD_ARGUMENTS'
  | 'SERVER_ERROR'
  // what we refuse before it reaches the wire
  | 'PACKET_TOO_LARGE'
  | 'MALFORMED_PACKET'
  | 'INVALID_PATH'
  | 'INVALID_CONNECT_STRING'
  | 'EPHEMERAL_LIMIT'
  // records and views
  | 'MALFORMED_RECORD'
  | 'INVALID_RECORD'
  | 'INVALID_CONFIG'
  | 'INVALID_REQUEST'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'METHOD_NOT_ALLOWED'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'NOT_FOUND'
  | 'NO_PROVIDER'
  | 'VIEW_SYNCING'
  | 'FENCED'
  | 'LIMIT_REACHED'
  | 'BODY_TOO_LARGE'
  | 'SHUTTING_DOWN'
  | 'ZOOKEEPER_UNAVAILABLE'
  | 'INTERNAL';

/** Whether the same call may simply be made again, once there is a connection. */
const RETRYABLE: ReadonlySet<RollcallErrorCode> = new Set(['CONNECTION_LOSS']);

const BRAND = Symbol.for('rollcall.error');

export interface RollcallErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs: the znode's path, the field at fault, ZooKeeper's numeric code. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class of the project. Ask for `code`; the message is for people. */
export class RollcallError extends Error {
  override readonly name = 'RollcallError';
  readonly code: RollcallErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [BRAND] = true;

  constructor(code: RollcallErrorCode, message: string, options: RollcallErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True for our errors, also those of another installed copy of this package. */
export function isRollcallError(error: unknown): error is RollcallError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** True when `error` is ours and carries one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly RollcallErrorCode[]): boolean {
  return isRollcallError(error) && codes.includes(error.code);
}

export function isRetryable(error: unknown): boolean {
  return isRollcallError(error) && RETRYABLE.has(error.code);
}

/** A wait that was given up: an abort is told apart from a failure, and is not logged as one. */
export function isAbort(error: unknown): boolean {
  if (hasCode(error, 'ABORTED')) return true;
  return error instanceof Error && error.name === 'AbortError';
}

/** One line for a log or a terminal, with the chain of causes. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message === '' ? error.name : error.message;
  return error.cause === undefined ? own : `${own}: ${errorText(error.cause)}`;
}
