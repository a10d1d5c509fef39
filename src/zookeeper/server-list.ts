import { RollcallError } from '../kernel/errors.ts';
import { checkPath } from './path.ts';

const DEFAULT_PORT = 2181;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectTarget {
  readonly servers: readonly ServerAddress[];
  /** Empty when the connect string has none. */
  readonly chroot: string;
}

/**
 * Parses `host[:port][,host[:port]…][/chroot]`. IPv6 addresses stand in brackets: `[::1]:2181`.
 *
 * @throws RollcallError INVALID_CONNECT_STRING
 */
export function parseConnectString(text: string): ConnectTarget {
  const slash = text.indexOf('/');
  const hosts = slash === -1 ? text : text.slice(0, slash);
  const chroot = slash === -1 ? '' : text.slice(slash).replace(/\/$/, '');
  if (chroot !== '') checkChroot(text, chroot);
  const servers = hosts.split(',').map(item => parseServer(text, item.trim()));
  return { servers, chroot };
}

function checkChroot(text: string, chroot: string): void {
  try {
    checkPath(chroot);
  } catch (cause) {
    throw invalid(text, 'its chroot is not a path', cause);
  }
}

function parseServer(text: string, item: string): ServerAddress {
  const match = /^(?:\[(?<v6>[0-9A-Fa-f:.%\w]+)\]|(?<host>[^:[\]\s]+))(?::(?<port>\d{1,5}))?$/.exec(
    item,
  );
  const host = match?.groups?.['v6'] ?? match?.groups?.['host'];
  if (host === undefined)
    throw invalid(
      text,
      item === '' ? 'a server is empty' : `${JSON.stringify(item)} is not host:port`,
    );
  const port = Number(match?.groups?.['port'] ?? DEFAULT_PORT);
  if (port < 1 || port > 65_535) throw invalid(text, `${port} is not a port`);
  return { host, port };
}

function invalid(text: string, problem: string, cause?: unknown): RollcallError {
  const message = `the connect string ${JSON.stringify(text)} is not valid: ${problem}; it reads host:port[,host:port…][/chroot]`;
  return new RollcallError('INVALID_CONNECT_STRING', message, cause === undefined ? {} : { cause });
}

export function addressText(server: ServerAddress): string {
  return server.host.includes(':')
    ? `[${server.host}]:${server.port}`
    : `${server.host}:${server.port}`;
}

/** The servers in an order of our own, so that clients spread; taken round and round. */
export interface Rotation {
  next(): ServerAddress;
  readonly size: number;
}

export function rotation(servers: readonly ServerAddress[], random: () => number): Rotation {
  const order = shuffled(servers, random);
  let at = 0;
  return {
    size: order.length,
    next() {
      const server = order[at % order.length];
      if (server === undefined) throw new RollcallError('INTERNAL', 'a rotation of no servers');
      at += 1;
      return server;
    },
  };
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map(item => ({ item, rank: random() }))
    .toSorted((left, right) => left.rank - right.rank)
    .map(({ item }) => item);
}
