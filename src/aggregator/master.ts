import type { Clock } from '../kernel/clock.ts';
import { errorText, hasCode, isAbort } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { openElection } from '../recipes/index.ts';
import { type Flaps, flapWindow } from './derive/flaps.ts';
import { masterDuty, type MasterDutyOptions } from './master-duty.ts';
import type { ViewTransition } from './transitions.ts';

export interface MasterOptions extends Omit<MasterDutyOptions, 'flaps'> {
  readonly random: Random;
  readonly newId: () => string;
}

/** This replica's candidacy for the one master, and its duty while it is. */
export interface Master extends AsyncDisposable {
  /** The token of the term that is on; undefined: not the master, or not any more. */
  readonly term: bigint | undefined;
  /** Every replica counts flaps, so that a new master knows the last ten minutes. */
  note(transitions: readonly ViewTransition[]): void;
  /** Resigns, when it is the master; waits for a write under way. Idempotent. */
  close(): Promise<void>;
}

/** After a refusal by ZooKeeper (a missing right), which an operator may mend. */
const STAND_AGAIN_MS = 15_000;

/** How often a replica that is not the master forgets flaps that left their window; the master does so as it derives. */
const EXPIRE_EVERY_MS = 5_000;

/** Notes joins and leaves in `flaps`, and keeps them from growing while nobody derives from them. */
export function flapNotes(flaps: Flaps, clock: Clock, isMaster: () => boolean): Master['note'] {
  let expiredMs = clock.nowMs();
  return transitions => {
    const nowMs = clock.nowMs();
    for (const { kind, service, id } of transitions) {
      if (kind === 'joined' || kind === 'left') flaps.record(service, id, kind, nowMs);
    }
    // The master must hear of each score that falls: what is forgotten here it would never hear of.
    if (isMaster() || nowMs - expiredMs < EXPIRE_EVERY_MS) return;
    expiredMs = nowMs;
    flaps.expire(nowMs);
  };
}

/** Stands for election from the first complete view on: a replica that knows nothing yet has nothing to derive from. */
export function openMaster(options: MasterOptions): Master {
  const { session, where, view, id, clock, random, newId, logger } = options;
  const flaps = flapWindow();
  const closed = new AbortController();
  const election = openElection(session, where.election, {
    id,
    clock,
    random,
    newId,
    logger,
  });
  let current: { readonly token: bigint; readonly signal: AbortSignal } | undefined;

  const lead = (): Promise<void> =>
    election.lead(
      async term => {
        current = term;
        logger.info({ token: String(term.token) }, 'this replica is the master');
        try {
          await masterDuty({ ...options, flaps }, term);
        } finally {
          current = undefined;
          logger.info({ token: String(term.token) }, 'this replica is not the master any more');
        }
      },
      { signal: closed.signal },
    );

  const campaign = async (): Promise<void> => {
    await view.ready({ signal: closed.signal });
    while (!closed.signal.aborted) {
      try {
        await lead();
      } catch (error) {
        if (closed.signal.aborted || hasCode(error, 'SESSION_CLOSED')) return;
        logger.error({ error: errorText(error) }, 'this replica cannot stand for election now');
        await clock.sleep(STAND_AGAIN_MS, closed.signal);
      }
    }
  };

  /** Nothing but the end of waiting is left to go wrong. */
  const campaigning = campaign().catch((error: unknown) => {
    if (!closed.signal.aborted && !isAbort(error)) {
      logger.error({ error: errorText(error) }, 'this replica does not stand for election');
    }
  });

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      closed.abort();
      await campaigning;
      await election.close();
    })();
    return closing;
  };

  return {
    get term() {
      return current === undefined || current.signal.aborted ? undefined : current.token;
    },
    note: flapNotes(flaps, clock, () => current !== undefined),
    close,
    [Symbol.asyncDispose]: close,
  };
}
