import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { RollcallError } from '../kernel/errors.ts';
import { releasers } from '../kernel/releasers.ts';
import { startEngine } from './engine.ts';
import { memoryStore } from './journal.ts';
import { openStore } from './log/store.ts';
import { type EmbeddedOptions, type Settings, settle } from './options.ts';

/** A ZooKeeper server of one node, in this process. */
export interface EmbeddedServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port`: what a client takes. */
  readonly connectString: string;
  /** Ends every connection and writes what is left. Sessions are kept where there is a data folder. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a ZooKeeper server of one node in this process, and resolves when it serves clients. The caller closes the handle.
 *
 * With `dataDir`, what was acknowledged is on disk and outlives this process however it ends. Without it everything is gone
 * with the process, and clients that come back to a later one are told that their session has expired.
 *
 * @throws RollcallError INVALID_CONFIG for an option that cannot be, ZOOKEEPER_UNAVAILABLE when the address cannot be had or
 * the data folder is damaged or in use.
 */
export async function startEmbeddedServer(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  const settings = settle(options);
  const opened = releasers();
  try {
    const { clock, dataDir } = settings;
    const store =
      dataDir === undefined ? memoryStore(clock.wallMs()) : await openStore(dataDir, settings);
    opened.push(() => store.journal.close());
    const listener = createServer({ noDelay: true });
    const engine = startEngine(settings, store, () => portOf(listener));
    opened.push(async () => {
      const closed = new Promise(resolve => void listener.close(resolve));
      engine.stop();
      await closed;
    });
    listener.maxConnections = settings.maxConnections;
    listener.on('connection', engine.accept);
    await listen(listener, settings);
    const { host } = settings;
    const port = portOf(listener);
    return {
      host,
      port,
      connectString: `${host.includes(':') ? `[${host}]` : host}:${port}`,
      close: opened.release,
      [Symbol.asyncDispose]: opened.release,
    };
  } catch (error) {
    await opened.release();
    throw error;
  }
}

/** Connections that wait to be taken: clients that come back all at once are not turned away. */
const BACKLOG = 4_096;

async function listen(listener: Server, { host, port }: Settings): Promise<void> {
  listener.listen({ host, port, backlog: BACKLOG });
  try {
    await once(listener, 'listening');
  } catch (cause) {
    throw new RollcallError('ZOOKEEPER_UNAVAILABLE', `cannot listen on ${host}, port ${port}`, {
      cause,
    });
  }
}

function portOf(listener: Server): number {
  const address = listener.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
