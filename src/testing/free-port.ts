import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { RollcallError } from '../kernel/errors.ts';

/**
 * Below the ports that systems hand out to outgoing connections (from 32768 on Linux, 49152 on macOS): a port that a stopped
 * server is to get back must not be taken by a client that happens to connect, least of all by the one that connects to it.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES = 50;

/** Binds `server` to a free loopback port of our range and returns the port. */
export async function listenOnFreePort(server: Server): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    try {
      await listen(server, port);
      return port;
    } catch (error) {
      if (attempt === TRIES)
        throw new RollcallError('LIMIT_REACHED', `no free port after ${TRIES} tries`, {
          cause: error,
        });
    }
  }
}

/** Binds `server` to a port on the loopback interface. */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** The first free loopback port from `wanted` on. */
export async function nextFreePort(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + TRIES; port += 1) {
    const server = createServer();
    try {
      await listen(server, port);
      await new Promise(resolve => server.close(resolve));
      return port;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
  throw new RollcallError('LIMIT_REACHED', `no free port from ${wanted} to ${wanted + TRIES - 1}`);
}

/** Different loopback ports that were free a moment ago: whoever binds them must be ready to try others. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  try {
    for (let i = 0; i < count; i += 1) {
      const server = createServer();
      ports.push(await listenOnFreePort(server));
      servers.push(server);
    }
    return ports;
  } finally {
    await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  }
}
