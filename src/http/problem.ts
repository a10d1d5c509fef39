import { isRollcallError, RollcallError, type RollcallErrorCode } from '../kernel/errors.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

interface Meaning {
  readonly status: number;
  readonly title: string;
  /** How long a client should keep away, in seconds. */
  readonly retryAfterSeconds?: number;
}

const NO_ZOOKEEPER = { status: 503, title: 'ZooKeeper is away', retryAfterSeconds: 2 } as const;
const OUR_FAULT = { status: 500, title: 'Internal error' } as const;
const NOT_UNDERSTOOD = { status: 400, title: 'Invalid request' } as const;
const ZOOKEEPER_REFUSES = { status: 502, title: 'ZooKeeper refused' } as const;
const IN_THE_WAY = { status: 409, title: 'Conflict' } as const;

/** What each code means to an HTTP client. Closed, as the codes are. */
export const MEANINGS: Readonly<Record<RollcallErrorCode, Meaning>> = {
  INVALID_REQUEST: NOT_UNDERSTOOD,
  INVALID_RECORD: NOT_UNDERSTOOD,
  INVALID_PATH: NOT_UNDERSTOOD,
  UNAUTHENTICATED: { status: 401, title: 'Who are you?' },
  FORBIDDEN: { status: 403, title: 'Not allowed' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  NO_NODE: { status: 404, title: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  NODE_EXISTS: IN_THE_WAY,
  NOT_EMPTY: IN_THE_WAY,
  BAD_VERSION: IN_THE_WAY,
  FENCED: IN_THE_WAY,
  BODY_TOO_LARGE: { status: 413, title: 'Body too large' },
  PACKET_TOO_LARGE: { status: 413, title: 'Too large for ZooKeeper' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported media type' },
  NO_AUTH: ZOOKEEPER_REFUSES,
  AUTH_FAILED: ZOOKEEPER_REFUSES,
  SERVER_ERROR: ZOOKEEPER_REFUSES,
  MALFORMED_PACKET: ZOOKEEPER_REFUSES,
  NO_PROVIDER: { status: 503, title: 'No provider', retryAfterSeconds: 1 },
  VIEW_SYNCING: { status: 503, title: 'The view is not complete yet', retryAfterSeconds: 1 },
  LIMIT_REACHED: { status: 503, title: 'A limit is reached', retryAfterSeconds: 1 },
  SHUTTING_DOWN: { status: 503, title: 'Shutting down', retryAfterSeconds: 1 },
  CONNECTION_LOSS: NO_ZOOKEEPER,
  SESSION_LOST: NO_ZOOKEEPER,
  SESSION_CLOSED: NO_ZOOKEEPER,
  ZOOKEEPER_UNAVAILABLE: NO_ZOOKEEPER,
  ABORTED: { status: 503, title: 'Given up', retryAfterSeconds: 1 },
  TIMEOUT: { status: 504, title: 'Timed out' },
  INVALID_ACL: OUR_FAULT,
  NO_CHILDREN_FOR_EPHEMERALS: OUR_FAULT,
  NO_WATCHER: OUR_FAULT,
  UNIMPLEMENTED: OUR_FAULT,
  RUNTIME_INCONSISTENCY: OUR_FAULT,
  BAD_ARGUMENTS: OUR_FAULT,
  INVALID_CONNECT_STRING: OUR_FAULT,
  EPHEMERAL_LIMIT: OUR_FAULT,
  MALFORMED_RECORD: OUR_FAULT,
  INVALID_CONFIG: OUR_FAULT,
  INTERNAL: OUR_FAULT,
};

/** One thing wrong with a request; `field` is a parameter, a header or a key of the body. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** RFC 9457, with our code and what is wrong with which field. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: RollcallErrorCode;
  readonly instance?: string;
  readonly errors?: readonly FieldError[];
  readonly [extension: string]: unknown;
}

/** An INVALID_REQUEST that names what is wrong; with a status of its own where 400 is not the one. */
export function refusal(errors: readonly FieldError[], status?: number): RollcallError {
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new RollcallError('INVALID_REQUEST', detail, { details: { errors, status } });
}

/** @throws always: RollcallError INVALID_REQUEST that names what is wrong. */
export function refuse(...errors: readonly FieldError[]): never {
  throw refusal(errors);
}

function isFieldErrors(value: unknown): value is readonly FieldError[] {
  return Array.isArray(value);
}

/**
 * The problem that `error` is to a client. Below 500, and for our own 502 to 504, it says what happened; of a 500 it says nothing: the log does.
 * `details.status` overrides the status of the code, `details.problem` adds fields.
 */
export function problemOf(error: unknown, instance: string): Problem {
  const known = isRollcallError(error)
    ? error
    : new RollcallError('INTERNAL', 'not one of ours', { cause: error });
  const { title, status: usual } = MEANINGS[known.code];
  const { errors, status: own, problem } = known.details;
  const status = typeof own === 'number' ? own : usual;
  return {
    type: `/docs#${known.code}`,
    title,
    status,
    detail:
      status === 500 ? 'Something went wrong here; the daemon’s log says what.' : known.message,
    code: known.code,
    instance,
    ...(isFieldErrors(errors) ? { errors } : {}),
    ...(typeof problem === 'object' ? problem : {}),
  };
}
