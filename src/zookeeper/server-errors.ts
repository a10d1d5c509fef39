import {
  hasCode,
  isRollcallError,
  RollcallError,
  type RollcallErrorCode,
} from '../kernel/errors.ts';

/** ZooKeeper's code for a node that is not there. */
export const NO_NODE = -101;

/** `KeeperException.Code` of Apache ZooKeeper 3.8, as far as we have a code of our own. */
const CODES: ReadonlyMap<number, RollcallErrorCode> = new Map([
  [-2, 'RUNTIME_INCONSISTENCY'],
  [-4, 'CONNECTION_LOSS'],
  [-6, 'UNIMPLEMENTED'],
  [-7, 'TIMEOUT'],
  [-8, 'BAD_ARGUMENTS'],
  [NO_NODE, 'NO_NODE'],
  [-102, 'NO_AUTH'],
  [-103, 'BAD_VERSION'],
  [-108, 'NO_CHILDREN_FOR_EPHEMERALS'],
  [-110, 'NODE_EXISTS'],
  [-111, 'NOT_EMPTY'],
  [-112, 'SESSION_LOST'],
  [-114, 'INVALID_ACL'],
  [-115, 'AUTH_FAILED'],
  [-121, 'NO_WATCHER'],
  [-122, 'TIMEOUT'],
] as const);

/** The error for a code the server answered with. Codes without a name of ours become SERVER_ERROR. */
export function serverError(zookeeperCode: number, what: string, path?: string): RollcallError {
  const code = CODES.get(zookeeperCode) ?? 'SERVER_ERROR';
  const where = path === undefined ? '' : ` ${path}`;
  const details = path === undefined ? { zookeeperCode } : { zookeeperCode, path };
  return new RollcallError(code, `${what}${where}: ZooKeeper answered ${code} (${zookeeperCode})`, {
    details,
  });
}

export function connectionLoss(what: string, cause?: unknown): RollcallError {
  return new RollcallError('CONNECTION_LOSS', what, cause === undefined ? {} : { cause });
}

/** The server (or we) said no: nothing was made. Otherwise it may have been. */
export function isRefusal(error: unknown): boolean {
  return (
    isRollcallError(error) &&
    !hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST', 'SESSION_CLOSED', 'ABORTED')
  );
}
