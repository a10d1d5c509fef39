import { type Clock, systemClock } from '../kernel/clock.ts';
import { RollcallError } from '../kernel/errors.ts';
import { type Logger, silentLogger } from '../kernel/log.ts';

export interface EmbeddedOptions {
  /** Default 127.0.0.1 and any free port. Clients are not authenticated: think before you listen on more than loopback. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** Where the tree is kept over a restart. Without it there is only memory, and all is gone with the process. */
  readonly dataDir?: string;
  /** ZooKeeper's clock grain, default 2 000: sessions between 2 and 20 of them are granted. */
  readonly tickTimeMs?: number;
  /** Default 2 ticks. */
  readonly minSessionTimeoutMs?: number;
  /** Default 20 ticks. */
  readonly maxSessionTimeoutMs?: number;
  /** `jute.maxbuffer`, default 0xfffff: a larger request ends the connection. */
  readonly maxBufferBytes?: number;
  /** How much of its events a client may leave unread before it is cut off. Default 8 MiB. */
  readonly maxUnreadEventBytes?: number;
  /** Default 20 000; more are refused. */
  readonly maxConnections?: number;
  /** How often containers and TTL nodes are looked through. Default 60 000, as in ZooKeeper. */
  readonly reapEveryMs?: number;
  /** The size of the log at which it is folded into a snapshot. Default 64 MiB. */
  readonly snapshotAfterBytes?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface Settings extends Required<Omit<EmbeddedOptions, 'dataDir' | 'listen'>> {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string | undefined;
}

/** @throws RollcallError INVALID_CONFIG. */
export function settle(options: EmbeddedOptions): Settings {
  const { tickTimeMs = 2_000 } = options;
  const settings: Settings = {
    host: options.listen?.host ?? '127.0.0.1',
    port: options.listen?.port ?? 0,
    dataDir: options.dataDir,
    tickTimeMs,
    minSessionTimeoutMs: options.minSessionTimeoutMs ?? 2 * tickTimeMs,
    maxSessionTimeoutMs: options.maxSessionTimeoutMs ?? 20 * tickTimeMs,
    maxBufferBytes: options.maxBufferBytes ?? 0xfffff,
    maxUnreadEventBytes: options.maxUnreadEventBytes ?? 8 * 1024 * 1024,
    maxConnections: options.maxConnections ?? 20_000,
    reapEveryMs: options.reapEveryMs ?? 60_000,
    snapshotAfterBytes: options.snapshotAfterBytes ?? 64 * 1024 * 1024,
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
  };
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value !== 'number' || name === 'port') continue;
    if (!Number.isSafeInteger(value) || value <= 0)
      throw new RollcallError('INVALID_CONFIG', `${name} is a whole number above 0, not ${value}`, {
        details: { field: name },
      });
  }
  return settings;
}
