import type { EmbeddedServer } from '../embedded/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, hasCode, RollcallError } from '../kernel/errors.ts';
import { isLoopback } from '../kernel/loopback.ts';
import type { Logger } from '../kernel/log.ts';
import { type HostPort, hostPortText } from './host-port.ts';
import { bindOnce, isTaken, listenError } from './listen.ts';
import { makeWritableDir } from './writable-dir.ts';
import type { ZooKeeperSource } from './zookeeper-source.ts';

/** The ZooKeeper in use: somebody else's, or ours, which the caller closes. */
export interface ZooKeeperInUse {
  /** What a client takes. */
  readonly servers: string;
  /** Ends what was started here; an ensemble goes on. */
  close(): Promise<void>;
}

export interface OpenZooKeeperOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

type Embedded = Extract<ZooKeeperSource, { kind: 'embedded' }>;

/** A taken port: so many are tried, that one included. */
const PORTS = 50;

/** Sessions of a second are granted, and end soon after it: on one machine nothing is gained by waiting longer. */
const TICK_MS = 500;
const LONGEST_SESSION_MS = 5 * 60_000;

/**
 * Starts the embedded server if there is to be one, and says which ZooKeeper is used and what that means.
 *
 * @throws RollcallError INVALID_CONFIG for a data folder that cannot be written, LIMIT_REACHED for an address that cannot be had,
 * INTERNAL for a data folder that is damaged or in use; each a sentence that says what to do.
 */
export async function openZooKeeper(
  source: ZooKeeperSource,
  options: OpenZooKeeperOptions,
): Promise<ZooKeeperInUse> {
  const { logger } = options;
  if (source.kind === 'ensemble') {
    const { servers } = source;
    logger.info({ zookeeper: servers }, 'using the ZooKeeper that --zookeeper names');
    return { servers, close: () => Promise.resolve() };
  }
  if (source.dataDir !== undefined) await makeWritableDir('data-dir', source.dataDir, 0o700);
  const server = await listenNear(source, options);
  sayWhatItMeans(source, server, logger);
  return { servers: server.connectString, close: server.close };
}

/** On the port that is wanted, or the next one that is free. */
async function listenNear(
  source: Embedded,
  options: OpenZooKeeperOptions,
): Promise<EmbeddedServer> {
  const { listen } = source;
  for (let port = listen.port; ; port += 1) {
    const isLast = listen.port === 0 || port + 1 >= listen.port + PORTS || port === 65_535;
    try {
      await bindOnce({ host: listen.host, port }); // a data folder need not be read for a port that is taken
      return await start(source, { host: listen.host, port }, options);
    } catch (error) {
      if (isTaken(error) && !isLast) continue;
      throw explained(error, source);
    }
  }
}

async function start(
  { dataDir }: Embedded,
  listen: HostPort,
  { clock, logger }: OpenZooKeeperOptions,
): Promise<EmbeddedServer> {
  const { startEmbeddedServer } = await import('../embedded/index.ts');
  return startEmbeddedServer({
    listen,
    tickTimeMs: TICK_MS,
    maxSessionTimeoutMs: LONGEST_SESSION_MS,
    clock,
    logger,
    ...(dataDir === undefined ? {} : { dataDir }),
  });
}

function explained(error: unknown, { listen, dataDir }: Embedded): unknown {
  const unheard = listenError(error, listen, '--embedded-listen');
  if (unheard !== error || dataDir === undefined || !hasCode(error, 'ZOOKEEPER_UNAVAILABLE'))
    return unheard;
  return new RollcallError('INTERNAL', `--data-dir ${dataDir}: ${errorText(error)}`);
}

function sayWhatItMeans(source: Embedded, server: EmbeddedServer, logger: Logger): void {
  const { listen, dataDir } = source;
  const zookeeper = server.connectString;
  if (listen.port !== 0 && listen.port !== server.port) {
    logger.warn(
      { wanted: hostPortText(listen), zookeeper },
      'the port is taken: the embedded server listens on the next free one',
    );
  }
  logger.info(
    { zookeeper },
    'using the embedded ZooKeeper server: one node in this process, for development and one small machine; for more, point --zookeeper at an ensemble',
  );
  if (dataDir === undefined) {
    logger.warn(
      {},
      'it is in memory only: all it holds is gone with this process; --data-dir DIR keeps it',
    );
  } else {
    logger.info({ dataDir }, 'it keeps its nodes in this folder over restarts');
  }
  if (!isLoopback(listen.host)) {
    logger.warn({ zookeeper }, 'everybody who can reach the embedded server may write to it');
  }
}
