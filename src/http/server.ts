import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { type AppOptions, buildApp } from './app.ts';
import { createLifecycle, type Phase } from './lifecycle.ts';

export interface ServerOptions extends Omit<AppOptions, 'lifecycle'> {
  readonly listen: {
    readonly host: string;
    /** 0: any free one. */
    readonly port: number;
  };
}

export interface ShutdownOptions {
  /** How long to go on serving while `/readyz` fails already, so that load balancers notice. Default 0. */
  readonly lameDuckMs?: number;
  /** How long answers that are under way may take, before their connections are cut. Default 5 s. */
  readonly graceMs?: number;
}

export interface HttpServer extends AsyncDisposable {
  readonly host: string;
  /** The one that was given, or found. */
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  readonly phase: Phase;
  /**
   * `/readyz` fails; after the lame duck's time streams get their goodbye and held requests their answer, no more connections are
   * taken, answers under way are finished, and after `graceMs` what is left is cut. Idempotent: the first call's options hold.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /** `shutdown` with its defaults. */
  close(): Promise<void>;
}

/**
 * Starts the HTTP face. The caller closes it, before it closes the aggregator.
 *
 * @throws RollcallError INVALID_CONFIG when the address cannot be listened on.
 */
export async function startServer(options: ServerOptions): Promise<HttpServer> {
  const { listen, logger, clock, tls } = options;
  const lifecycle = createLifecycle(error =>
    logger.error({ error: errorText(error) }, 'draining failed'),
  );
  const app = buildApp({ ...options, lifecycle });
  const { address, port } = await listenOn(app, listen);
  const url = `${tls === undefined ? 'http' : 'https'}://${address.includes(':') ? `[${address}]` : address}:${port}`;
  logger.info({ url }, 'http is listening');

  const run = async ({ lameDuckMs = 0, graceMs = 5_000 }: ShutdownOptions): Promise<void> => {
    lifecycle.leave();
    if (lameDuckMs > 0) await clock.sleep(lameDuckMs);
    lifecycle.drain();
    const cut = clock.after(graceMs, () => app.server.closeAllConnections());
    try {
      await app.close();
    } finally {
      cut.cancel();
    }
    logger.info({}, 'http has closed');
  };
  let shuttingDown: Promise<void> | undefined;
  const shutdown = (how: ShutdownOptions = {}): Promise<void> => (shuttingDown ??= run(how));
  const close = (): Promise<void> => shutdown();
  return {
    host: address,
    port,
    url,
    get phase() {
      return lifecycle.phase;
    },
    shutdown,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listenOn(
  app: FastifyInstance,
  { host, port }: ServerOptions['listen'],
): Promise<AddressInfo> {
  try {
    await app.listen({ host, port, backlog: 1_024 });
  } catch (cause) {
    await app.close();
    throw new RollcallError(
      'INVALID_CONFIG',
      `cannot listen on ${host}:${port}: ${errorText(cause)}`,
      {
        cause,
        details: { flag: 'http' },
      },
    );
  }
  const [first] = app.addresses();
  if (first === undefined || typeof first === 'string') {
    throw new RollcallError('INTERNAL', 'the server listens on no port');
  }
  return first;
}
