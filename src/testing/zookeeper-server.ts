import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WaitOptions } from '../kernel/abort.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { releasers } from '../kernel/releasers.ts';
import { findZooKeeper, type ZooKeeperInstallation } from './find-zookeeper.ts';
import { freePorts, nextFreePort } from './free-port.ts';
import type { ServerPorts, ServerProfile } from './zookeeper-config.ts';
import {
  type LaunchableServer,
  type ZooKeeperServer,
  zooKeeperProcess,
} from './zookeeper-process.ts';

export interface StartOptions extends WaitOptions {
  /** Default 1. Three make an ensemble that stands the loss of one. */
  readonly servers?: 1 | 3;
  /** Where the first server listens, or on one of the next ports when it is taken. Default: any free port. */
  readonly port?: number;
  /** ZooKeeper's clock grain. Default 200: sessions from 400 ms on are granted. */
  readonly tickTimeMs?: number;
  /** More lines of zoo.cfg, which go before ours. */
  readonly config?: Readonly<Record<string, string>>;
  /** Java system properties, `zookeeper.…`, `jute.maxbuffer`, `znode.container.checkIntervalMs`, which go before ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Default `quick`. */
  readonly profile?: ServerProfile;
  /** Added to the environment of the Java process. */
  readonly env?: Readonly<Record<string, string>>;
  /** False lets the process end although the servers still run; they end with it. Default true. */
  readonly keepAlive?: boolean;
  /** How long the start may take. Default 60 000. */
  readonly readyTimeoutMs?: number;
  /** Default: the one that `findZooKeeper()` finds. */
  readonly installation?: ZooKeeperInstallation;
}

/** A real ZooKeeper on loopback ports, with its data in a temporary folder. */
export interface ZooKeeper extends AsyncDisposable {
  /** `127.0.0.1:port[,…]`, without a chroot. */
  readonly connectString: string;
  readonly servers: readonly ZooKeeperServer[];
  readonly version: string;
  /** Kills the servers and removes their folder. Idempotent. */
  close(): Promise<void>;
}

/** How often a start is tried with other ports: another process may take one between our look and Java's bind. */
const TRIES = 3;

/**
 * Starts one real ZooKeeper server, or an ensemble of three, and resolves when each serves clients. The servers end with this
 * process however it ends, SIGKILL included. The caller closes the handle.
 *
 * @throws RollcallError ZOOKEEPER_UNAVAILABLE when there is no ZooKeeper or Java on this machine (the message says what to do)
 * or it does not become ready (the message ends with what it printed).
 */
export async function startZooKeeper(options: StartOptions = {}): Promise<ZooKeeper> {
  const installation = options.installation ?? findOrThrow();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(installation, options);
    } catch (error) {
      if (attempt === TRIES || !errorText(error).includes('BindException')) throw error;
    }
  }
}

function findOrThrow(): ZooKeeperInstallation {
  const search = findZooKeeper();
  if (search.kind === 'missing') throw new RollcallError('ZOOKEEPER_UNAVAILABLE', search.advice);
  return search.installation;
}

async function startOnce(
  installation: ZooKeeperInstallation,
  options: StartOptions,
): Promise<ZooKeeper> {
  const opened = releasers();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-zookeeper-'));
    opened.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const servers = await prepare(installation, folder, options);
    opened.push(async () => void (await Promise.all(servers.map(server => server.kill()))));
    await Promise.all(servers.map(server => server.launch()));
    await Promise.all(servers.map(server => server.ready(options)));
    return {
      connectString: servers.map(server => server.address).join(','),
      servers,
      version: installation.version,
      close: opened.release,
      [Symbol.asyncDispose]: opened.release,
    };
  } catch (error) {
    await opened.release();
    throw error;
  }
}

async function prepare(
  installation: ZooKeeperInstallation,
  folder: string,
  options: StartOptions,
): Promise<readonly LaunchableServer[]> {
  const ensemble = await choosePorts(options.servers ?? 1, options.port);
  return Promise.all(
    ensemble.map((ports, index) =>
      zooKeeperProcess({
        installation,
        plan: {
          id: index + 1,
          folder: join(folder, `server-${index + 1}`),
          ports,
          ensemble,
          tickTimeMs: options.tickTimeMs ?? 200,
          config: options.config ?? {},
        },
        env: options.env ?? {},
        properties: options.properties ?? {},
        profile: options.profile ?? 'quick',
        keepAlive: options.keepAlive ?? true,
        readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      }),
    ),
  );
}

async function choosePorts(
  servers: number,
  wanted: number | undefined,
): Promise<readonly ServerPorts[]> {
  const free = await freePorts(servers * 3);
  const firstClient = wanted === undefined ? undefined : await nextFreePort(wanted);
  return Array.from({ length: servers }, (_, index) => {
    const [client = 0, quorum = 0, election = 0] = free.slice(index * 3, index * 3 + 3);
    return { client: index === 0 ? (firstClient ?? client) : client, quorum, election };
  });
}
