import {
  type EmbeddedOptions,
  type EmbeddedServer,
  startEmbeddedServer,
} from '../embedded/index.ts';

export type { EmbeddedOptions, EmbeddedServer };

/**
 * Starts an embedded server for a test: ready in a few milliseconds, without Java. Its tick is short, so that sessions from
 * 400 ms to a minute are granted, as `startZooKeeper()` does; containers and TTL nodes are looked through every 100 ms. The caller closes it.
 */
export function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  return startEmbeddedServer({
    tickTimeMs: 200,
    maxSessionTimeoutMs: 60_000,
    reapEveryMs: 100,
    ...options,
  });
}
