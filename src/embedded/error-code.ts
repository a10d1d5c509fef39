/** `KeeperException.Code` of Apache ZooKeeper 3.8, as far as this server answers with it. */
export const ERROR = {
  ok: 0,
  runtimeInconsistency: -2,
  marshalling: -5,
  unimplemented: -6,
  badArguments: -8,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  invalidAcl: -114,
  authFailed: -115,
  noWatcher: -121,
  reconfigDisabled: -123,
} as const;

export type ErrorCode = (typeof ERROR)[keyof typeof ERROR];
