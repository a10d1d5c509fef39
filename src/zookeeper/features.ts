import { hasCode } from '../kernel/errors.ts';
import type { ServerFeatures } from './api.ts';
import type { CallOptions, Calls } from './calls.ts';
import type { Chroot } from './path.ts';
import { multiReadCall } from './reads.ts';

/**
 * What the server in use can do, asked once for each server. multiRead and persistent watches both came with 3.6, containers
 * before (3.5.3): one multiRead tells. A server that does not know it says so and closes the connection, the session goes on.
 */
export function featureProbe(
  calls: Calls,
  chroot: Chroot,
  server: () => string | undefined,
): (options: CallOptions) => Promise<ServerFeatures> {
  const known = new Map<string, ServerFeatures>();
  const probe = async (options: CallOptions): Promise<boolean> => {
    try {
      await calls.run(options, ticket =>
        calls.raw(ticket, multiReadCall(chroot, [{ kind: 'data', path: '/' }])),
      );
      return true;
    } catch (error) {
      if (hasCode(error, 'UNIMPLEMENTED')) return false;
      throw error;
    }
  };
  return async options => {
    const asked = server();
    const answer = asked === undefined ? undefined : known.get(asked);
    if (answer !== undefined) return answer;
    const has = await probe(options);
    const features = { multiRead: has, persistentWatches: has, containers: has };
    if (asked !== undefined) known.set(asked, features);
    return features;
  };
}
