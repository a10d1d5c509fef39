import { createServer } from 'node:net';
import { deferred } from '../kernel/abort.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { type HostPort, hostPortText } from './host-port.ts';

/**
 * The address with a port: port 0 is exchanged for one that is free now. It must be known before we listen, since the other
 * aggregators are told it.
 */
export async function givenOrFreePort(address: HostPort): Promise<HostPort> {
  if (address.port !== 0) return address;
  const listening = deferred<void>();
  const server = createServer();
  server.once('error', listening.reject);
  server.listen({ host: address.host, port: 0 }, () => listening.resolve());
  try {
    await listening.promise;
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('it has no port');
    return { host: address.host, port: bound.port };
  } catch (error) {
    throw listenError(error, address);
  } finally {
    server.close();
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'somebody listens there already: stop it, or give another --http',
  EADDRNOTAVAIL: 'this machine has no such address: give --http one that it has',
  EACCES: 'it may not be used by this user: give --http a port above 1023',
  ENOTFOUND: 'there is no host of this name: give --http an address of this machine',
};

/** One sentence on why the address cannot be had; what is no matter of the address is passed on. */
export function listenError(error: unknown, address: HostPort): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const why = WHY[code] ?? errorText(error);
  return new RollcallError('LIMIT_REACHED', `cannot listen on ${hostPortText(address)}: ${why}`, {
    cause: error,
  });
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('syscall' in error && 'code' in error) return String(error.code);
  return systemCode(error.cause);
}
