import type { FastifyReply, FastifyRequest } from 'fastify';
import { RollcallError } from '../kernel/errors.ts';
import { mayAct, type Principal, type Role, type TokenTable } from './tokens.ts';

export interface AccessOptions {
  /** undefined: everybody may read. */
  readonly tokens: TokenTable | undefined;
  /** Without tokens: whether everybody may write. */
  readonly openWrites: boolean;
}

type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Who may do what. With tokens everything but `open` operations needs one; without, reading is open and writing is decided by `openWrites`. */
export interface Access {
  /** A hook for an operation that needs `role`; undefined when everybody may. */
  guard(role: Role | 'open'): Guard | undefined;
  /** Whose request it is; undefined without tokens. */
  principal(request: FastifyRequest): Principal | undefined;
}

export function createAccess({ tokens, openWrites }: AccessOptions): Access {
  const principals = new WeakMap<FastifyRequest, Principal>();

  const byToken = (table: TokenTable, wanted: Role): Guard => {
    return async (request, reply) => {
      const token = bearer(request.headers.authorization);
      const principal = token === undefined ? undefined : table.find(token);
      if (principal === undefined) {
        reply.header('www-authenticate', 'Bearer realm="rollcall"');
        const reason = token === undefined ? 'a token is needed' : 'the token is not known';
        throw new RollcallError('UNAUTHENTICATED', `${reason}: send Authorization: Bearer TOKEN`);
      }
      if (!mayAct(principal.role, wanted)) {
        throw new RollcallError(
          'FORBIDDEN',
          `the token of ${principal.name} has the role ${principal.role}; this needs ${wanted}`,
        );
      }
      principals.set(request, principal);
    };
  };

  const noWrites: Guard = async () => {
    throw new RollcallError(
      'FORBIDDEN',
      'writing is closed, because others can reach this address and there are no tokens: start the daemon with --tokens FILE, with --http on a loopback address, or with --insecure',
    );
  };

  return {
    guard(role) {
      if (role === 'open') return undefined;
      if (tokens !== undefined) return byToken(tokens, role);
      return role === 'read' || openWrites ? undefined : noWrites;
    },
    principal: request => principals.get(request),
  };
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}
