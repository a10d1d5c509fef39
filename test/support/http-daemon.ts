import { Registry } from 'prom-client';
import { type HttpServer, type ServerOptions, startServer } from '../../src/http/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Logger } from '../../src/kernel/log.ts';
import { type FakeAggregator, fakeAggregator } from './fake-aggregator.ts';

export interface HttpDaemon extends AsyncDisposable {
  readonly aggregator: FakeAggregator;
  readonly server: HttpServer;
  readonly url: string;
  readonly registry: Registry;
  /** What was logged as an error. */
  readonly errors: readonly object[];
}

/** The HTTP face over a scripted aggregator, listening on a port of its own. It writes without tokens, as on loopback. */
export async function httpDaemon(options: Partial<ServerOptions> = {}): Promise<HttpDaemon> {
  const aggregator = fakeAggregator();
  const registry = new Registry();
  const errors: object[] = [];
  const nothing = (): void => undefined;
  const logger: Logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: fields => void errors.push(fields),
  };
  const server = await startServer({
    aggregator,
    metrics: { render: () => registry.metrics(), registry },
    logger,
    clock: systemClock,
    version: '1.2.3',
    openWrites: 'this-machine',
    listen: { host: '127.0.0.1', port: 0 },
    ...options,
  });
  return {
    aggregator,
    server,
    url: server.url,
    registry,
    errors,
    [Symbol.asyncDispose]: () => server.shutdown({ graceMs: 0 }),
  };
}
