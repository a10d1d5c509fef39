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
  try {
    return await bindOnce(address);
  } catch (error) {
    throw listenError(error, address);
  }
}

/** Listens there for a moment; says where that was. */
export async function bindOnce({ host, port }: HostPort): Promise<HostPort> {
  const listening = deferred<void>();
  const server = createServer();
  server.once('error', listening.reject);
  server.listen({ host, port }, () => listening.resolve());
  try {
    await listening.promise;
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('it has no port');
    return { host, port: bound.port };
  } finally {
    await new Promise(resolve => server.close(resolve));
  }
}

const WHY: Readonly<Record<string, (flag: string) => string>> = {
  EADDRINUSE: flag => `somebody listens there already: stop it, or give another ${flag}`,
  EADDRNOTAVAIL: flag => `this machine has no such address: give ${flag} one that it has`,
  EACCES: flag => `it may not be used by this user: give ${flag} a port above 1023`,
  ENOTFOUND: flag => `there is no host of this name: give ${flag} an address of this machine`,
};

/** One sentence on why the address cannot be had; what is no matter of the address is passed on. */
export function listenError(error: unknown, address: HostPort, flag = '--http'): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const why = WHY[code]?.(flag) ?? errorText(error);
  return new RollcallError('LIMIT_REACHED', `cannot listen on ${hostPortText(address)}: ${why}`, {
    cause: error,
  });
}

/** Whether an address cannot be had because somebody else has it. */
export const isTaken = (error: unknown): boolean => systemCode(error) === 'EADDRINUSE';

/** What is asked for an address; whatever else failed, a file for one, is no matter of it. */
const ASKED: readonly unknown[] = ['listen', 'bind', 'getaddrinfo'];

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('syscall' in error && 'code' in error)
    return ASKED.includes(error.syscall) ? String(error.code) : undefined;
  return systemCode(error.cause);
}
