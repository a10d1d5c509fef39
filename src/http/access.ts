import type { FastifyReply, FastifyRequest } from 'fastify';
import { RollcallError } from '../kernel/errors.ts';
import { isLoopbackAuthority } from '../kernel/loopback.ts';
import { mayAct, type Principal, type Role, type TokenTable } from './tokens.ts';

export interface AccessOptions {
  /** undefined: everybody may read. */
  readonly tokens: TokenTable | undefined;
  readonly openWrites: OpenWrites;
}

/**
 * Who may write without tokens. `this-machine`: who asks for a loopback address, or for localhost, as nobody else can when only
 * those are listened on. A page in a browser here is not meant: neither one of another site, nor one whose name was made to mean
 * 127.0.0.1, which the browser takes for its own site.
 */
export type OpenWrites = 'everybody' | 'this-machine' | 'nobody';

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

  const fromHereAlone: Guard = async ({ headers: { host = '', origin } }) => {
    const [header, isHere] = isLoopbackAuthority(host)
      ? ['Origin', origin === undefined || isLoopbackOrigin(origin)]
      : ['Host', false];
    if (isHere) return;
    throw new RollcallError(
      'FORBIDDEN',
      `without tokens writing is open to this machine alone, and ${header} names another: ask for 127.0.0.1, [::1] or localhost, or start the daemon with --tokens FILE or with --insecure`,
    );
  };

  const withoutTokens: Readonly<Record<OpenWrites, Guard | undefined>> = {
    everybody: undefined,
    'this-machine': fromHereAlone,
    nobody: noWrites,
  };

  return {
    guard(role) {
      if (role === 'open') return undefined;
      if (tokens !== undefined) return byToken(tokens, role);
      return role === 'read' ? undefined : withoutTokens[openWrites];
    },
    principal: request => principals.get(request),
  };
}

/** `null`, which a browser says when it will not tell, is none. */
function isLoopbackOrigin(origin: string): boolean {
  return isLoopbackAuthority(/^https?:\/\/(.+)$/i.exec(origin)?.[1] ?? '');
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}
