export type * from './api.ts';
export type * from './mirror-api.ts';
export { openSession } from './session.ts';
export { openMirror } from './mirror.ts';
export { dataOf, nodeChanges } from './mirror-changes.ts';
export { OPEN_ACL, CREATOR_ALL_ACL, READ_ONLY_ACL, digestAcl, permission } from './acl.ts';
export { sessionMetrics, mirrorMetrics } from './metrics.ts';
export {
  addressText,
  parseConnectString,
  type ConnectTarget,
  type ServerAddress,
} from './server-list.ts';
export {
  createProtected,
  findProtected,
  type ProtectedPlace,
  removeIfThere,
  untilDone,
} from './protected-node.ts';
