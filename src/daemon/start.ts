import type { DaemonConfig } from './config.ts';
import type { Daemon, DaemonOptions } from './daemon.ts';

/**
 * Starts the daemon (see `daemon.ts`). What it is made of is loaded only here: the other commands use this room for their flags,
 * and a sidecar should be small and quick to start.
 */
export async function startDaemon(config: DaemonConfig, options: DaemonOptions): Promise<Daemon> {
  const { openDaemon } = await import('./daemon.ts');
  return openDaemon(config, options);
}
