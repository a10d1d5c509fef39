import { createHash } from 'node:crypto';
import { RollcallError } from '../kernel/errors.ts';
import type { Acl } from './api.ts';

/** The permission bits of an ACL, as ZooKeeper's `ZooDefs.Perms` has them. DELETE is a right on the parent, over its children. */
export const permission = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Everyone may do everything. */
export const OPEN_ACL: readonly Acl[] = [
  { permissions: permission.all, scheme: 'world', id: 'anyone' },
];

/** Whoever creates the node, by each identity the session has proved; needs one. */
export const CREATOR_ALL_ACL: readonly Acl[] = [
  { permissions: permission.all, scheme: 'auth', id: '' },
];

/** Everyone may read. */
export const READ_ONLY_ACL: readonly Acl[] = [
  { permissions: permission.read, scheme: 'world', id: 'anyone' },
];

/** An entry for a digest user: `user:base64(sha1(user:password))`, as ZooKeeper's DigestAuthenticationProvider makes it. */
export function digestAcl(
  user: string,
  password: string,
  permissions: number = permission.all,
): Acl {
  const digest = createHash('sha1').update(`${user}:${password}`).digest('base64');
  return { permissions, scheme: 'digest', id: `${user}:${digest}` };
}

/** @throws RollcallError INVALID_ACL for an empty list or permissions outside 1..31: the server would refuse it, or the library throw. */
export function checkAcl(acl: readonly Acl[]): readonly Acl[] {
  const wrong = acl.find(
    entry =>
      !Number.isInteger(entry.permissions) ||
      entry.permissions < 1 ||
      entry.permissions > permission.all ||
      entry.scheme === '',
  );
  if (acl.length > 0 && wrong === undefined) return acl;
  throw new RollcallError(
    'INVALID_ACL',
    wrong === undefined
      ? 'an ACL needs an entry'
      : `no valid permissions or scheme in an entry of ${wrong.scheme || 'no scheme'}`,
  );
}
