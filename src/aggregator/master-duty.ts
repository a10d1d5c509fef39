import { deferred, onAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, hasCode } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Layout } from '../registry/index.ts';
import type { Session } from '../zookeeper/index.ts';
import type { Flaps } from './derive/flaps.ts';
import { shardTable } from './derive/shard-table.ts';
import { derivedWriter, type Fence, type WriteResult } from './derived-writer.ts';
import { masterSummaries } from './master-summaries.ts';
import { masterWrites } from './master-writes.ts';
import type { DerivedSnapshot } from './ports.ts';
import type { LiveView } from './view.ts';

/** What the duty needs of a term. */
export interface Term extends Fence {
  /** The latch's czxid. */
  readonly token: bigint;
}

/** How the master writes what it derives. */
export interface DerivedSettings {
  /** How long a change waits for others before it is derived and written. Default 200. */
  readonly everyMs?: number;
  /** Between two looks at flaps that left their window. Default 5 000. */
  readonly sweepEveryMs?: number;
  /** A shard that is larger makes the number of shards grow. Default 384 KiB. */
  readonly growBytes?: number;
}

export interface MasterDutyOptions extends DerivedSettings {
  readonly session: Session;
  readonly where: Layout;
  readonly view: LiveView;
  /** What stands in ZooKeeper, by the mirror. */
  readonly derived: () => DerivedSnapshot;
  readonly flaps: Flaps;
  readonly id: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onWrite: (result: WriteResult) => void;
}

const RETRY_MS = 1_000;

interface Bell {
  ring(): void;
  /** Resolves when it rang since it was last hushed, after `ms`, or when the signal aborts. */
  wait(ms: number): Promise<void>;
  /** What it rang for is about to be looked at. */
  hush(): void;
}

function bell(clock: Clock, signal: AbortSignal): Bell {
  let rang = false;
  let wake = (): void => undefined;
  return {
    ring() {
      rang = true;
      wake();
    },
    async wait(ms) {
      const woken = deferred<void>();
      wake = () => woken.resolve();
      const timer = clock.after(ms, wake, { unref: true });
      const forget = onAbort(signal, wake);
      if (!rang) await woken.promise;
      forget();
      timer.cancel();
    },
    hush() {
      rang = false;
    },
  };
}

/**
 * A master's work for one term: derives every service once, then what changes, and writes it, coalesced and fenced. Nothing is
 * derived from a view that is not live. Resolves once the term's signal has aborted and no write is under way.
 * @throws RollcallError FENCED when ZooKeeper refused a write because the term is over.
 */
export async function masterDuty(options: MasterDutyOptions, term: Term): Promise<void> {
  const { session, where, view, flaps, id, clock, logger } = options;
  const { everyMs = 200, sweepEveryMs = 5_000, growBytes } = options;
  const { signal, token } = term;
  const table = shardTable({ token, ...(growBytes === undefined ? {} : { growBytes }) });
  const before = options.derived();
  const summaries = masterSummaries({ view, before, flaps, table, clock, sweepEveryMs, signal });
  const writer = derivedWriter({ session, fence: term, logger, onResult: options.onWrite });
  const write = masterWrites({
    session,
    where,
    writer,
    table,
    summaries,
    id,
    token,
    clock,
    signal,
  });
  const changes = bell(clock, signal);
  const undoes = [view.onTopic('services', changes.ring), view.onState(changes.ring)];

  /** @returns after how long to look again though nothing rings. */
  const round = async (): Promise<number> => {
    changes.hush();
    if (view.state.kind !== 'live') return sweepEveryMs;
    try {
      await summaries.refresh();
      return (await write()) ? sweepEveryMs : RETRY_MS;
    } catch (error) {
      if (hasCode(error, 'FENCED') || signal.aborted) throw error;
      logger.warn({ error: errorText(error) }, 'the derived state could not be written');
      return RETRY_MS;
    }
  };

  try {
    while (!signal.aborted) {
      await changes.wait(await round());
      // A summary may trail: those who wait for the change itself come first, here and in ZooKeeper.
      await clock.sleep(everyMs, signal);
    }
  } catch (error) {
    if (hasCode(error, 'FENCED') || !signal.aborted) throw error;
  } finally {
    for (const undo of undoes) undo();
  }
}
