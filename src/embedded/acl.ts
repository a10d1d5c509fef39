import { createHash } from 'node:crypto';

export interface Acl {
  readonly permissions: number;
  readonly scheme: string | undefined;
  readonly id: string | undefined;
}

/** Who somebody has shown to be: `digest` with the user and the digest of his password, `ip` with an address. */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

export const PERMISSION = { read: 1, write: 2, create: 4, delete: 8, admin: 16 } as const;

/** What `readAcl` returns whenever a list says this. */
export const OPEN_ACL: readonly Acl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];

/** Whether one of `identities` has one of the rights in `wanted`. A node without an ACL is open. */
export function permits(
  acls: readonly Acl[],
  wanted: number,
  identities: readonly Identity[],
): boolean {
  if (acls === OPEN_ACL || acls.length === 0) return true;
  return acls.some(
    ({ permissions, scheme, id }) =>
      (permissions & wanted) !== 0 &&
      ((scheme === 'world' && id === 'anyone') ||
        identities.some(identity => identity.scheme === scheme && matches(identity, id ?? ''))),
  );
}

/**
 * What is stored for a list that a client sent: duplicates go, `auth` becomes whoever the client has shown to be.
 * Undefined when the list is no ACL.
 */
export function settleAcl(
  acls: readonly Acl[] | undefined,
  identities: readonly Identity[],
): readonly Acl[] | undefined {
  if (acls === OPEN_ACL) return OPEN_ACL;
  const settled: Acl[] = [];
  for (const acl of withoutDuplicates(acls ?? [])) {
    if (acl.scheme === 'auth') {
      const own = identities.filter(({ scheme }) => scheme === 'digest');
      if (own.length === 0) return undefined;
      settled.push(...own.map(({ scheme, id }) => ({ permissions: acl.permissions, scheme, id })));
    } else if (isWellFormed(acl)) settled.push(acl);
    else return undefined;
  }
  return settled.length === 0 ? undefined : settled;
}

/** What is shown to who may not administer the node: users without their digests. */
export function maskAcl(acls: readonly Acl[]): readonly Acl[] {
  return acls.map(acl =>
    acl.scheme === 'digest' ? { ...acl, id: acl.id?.replace(/:[\s\S]*/, ':x') } : acl,
  );
}

/** The identity that `user:password` proves. */
export function digestIdentity(credentials: string): Identity {
  const digest = createHash('sha1').update(credentials).digest('base64');
  return { scheme: 'digest', id: `${userOf(credentials)}:${digest}` };
}

/** The name that is told of an identity. */
export const userOf = (id: string): string => id.split(':', 1)[0] ?? '';

function isWellFormed({ scheme, id = '' }: Acl): boolean {
  if (scheme === 'world') return id === 'anyone';
  if (scheme === 'digest') return id.split(':').length === 2 && !id.endsWith(':');
  return scheme === 'ip' && parseNetwork(id) !== undefined;
}

function withoutDuplicates(acls: readonly Acl[]): readonly Acl[] {
  const seen = new Set<string>();
  return acls.filter(({ permissions, scheme, id }) => {
    const key = `${permissions} ${scheme} ${id}`;
    return !seen.has(key) && seen.add(key);
  });
}

function matches(identity: Identity, id: string): boolean {
  if (identity.scheme !== 'ip') return identity.id === id;
  const address = parseNetwork(identity.id)?.address;
  const network = parseNetwork(id);
  if (address === undefined || network === undefined) return false;
  const mask = network.bits === 0 ? 0 : -1 << (32 - network.bits);
  return ((address ^ network.address) & mask) === 0;
}

/** `10.1.2.3` or `10.0.0.0/8`. Only IPv4, as in ZooKeeper. */
function parseNetwork(
  text: string,
): { readonly address: number; readonly bits: number } | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
  if (found === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 32] = found.slice(1).map(part => Number(part ?? 32));
  if ([a, b, c, d].some(part => part > 255) || bits > 32) return undefined;
  return { address: (a << 24) | (b << 16) | (c << 8) | d, bits };
}
