import { randomUUID } from 'node:crypto';
import { abortedError, deferred, onAbort, type WaitOptions } from '../kernel/abort.ts';
import { backoffMs } from '../kernel/backoff.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { errorText, hasCode } from '../kernel/errors.ts';
import { type Logger, silentLogger } from '../kernel/log.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import type { Acl, Created, Session, ZnodePath } from '../zookeeper/index.ts';
import { candidate, type Candidate } from './candidate.ts';
import type { Contest } from './contest.ts';
import { type Hold, type OpenHold, openHold } from './hold.ts';
import { type Leader, leaders, readLeader } from './leader.ts';

/** One uninterrupted leadership. `token` rises from term to term. */
export type Term = Hold;

export type Duty = (term: Term) => Promise<void>;

export interface ElectionOptions {
  /** Who we are, for those who observe; the data of our node. */
  readonly id: string;
  /** Of our node. Default: open to everyone. */
  readonly acl?: readonly Acl[];
  /** Told of each duty that threw; it is campaigned again after a back-off. */
  readonly onError?: (error: unknown) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly newId?: () => string;
  readonly logger?: Logger;
}

/** An election for one leader among all who campaign at a path, Curator's LeaderLatch included. */
export interface Election extends AsyncDisposable {
  /**
   * Campaigns, and runs `duty` for each term won, one after the other.
   *
   * Resolves when a duty returned while its term was on: it resigned. When the term ends first, the duty is waited for (it must heed
   * `term.signal`), the node is deleted and we stand in line anew: each term has a higher token than the one before, of whoever's. A
   * duty that throws ends its term likewise, and we campaign again after a back-off.
   *
   * No other member's term begins while this one's node is there; it is removed only after the duty has ended. But when our session
   * expired meanwhile (a pause, a partition), another leads although our duty may not have noticed: writes that must not happen
   * then go through `term.guard`.
   *
   * @throws the signal's reason, once the duty has ended and the node is gone (or goes when ZooKeeper is back); ABORTED after `close()`;
   * SESSION_CLOSED; what the server said against our node (NO_AUTH, …).
   */
  lead(duty: Duty, options?: WaitOptions): Promise<void>;
  /** Who leads now, then whoever leads next, by watch; undefined: nobody. Ends by the signal's reason. */
  observe(options?: WaitOptions): AsyncGenerator<Leader | undefined, never>;
  /** Reads who leads at this moment. */
  leader(options?: WaitOptions): Promise<Leader | undefined>;
  /** Gives up all campaigns and terms of this handle, and waits for their duties. Idempotent. */
  close(): Promise<void>;
}

/** Curator's LeaderLatch: nodes `_c_<uuid>-latch-<sequence>`. */
const LATCH = 'latch-';

/** What a new campaign mends: lost connections and sessions, a directory that was reaped. */
const isPassing = (error: unknown): boolean =>
  hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST', 'NO_NODE');

/** @param path the election's own directory; made where it is missing. Nothing is sent before `lead`, `observe` or `leader`. */
export function openElection(
  session: Session,
  path: ZnodePath,
  options: ElectionOptions,
): Election {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  const contest: Contest = {
    session,
    directory: path,
    marker: LATCH,
    acl: options.acl,
    clock,
    logger,
    newId: options.newId ?? randomUUID,
  };
  const closed = new AbortController();
  const running = new Set<Promise<void>>();

  const failed = (error: unknown): void => {
    logger.warn({ error: errorText(error) }, 'a duty failed, its term ends');
    options.onError?.(error);
  };

  const campaigns = async (duty: Duty, signal: AbortSignal): Promise<void> => {
    for (let failures = 0; ; ) {
      signal.throwIfAborted();
      const end = await oneTerm(contest, options.id, duty, signal);
      signal.throwIfAborted();
      if (end.kind === 'resigned') return;
      failures = end.kind === 'over' ? 0 : failures + 1;
      if (end.kind === 'threw') failed(end.error);
      if (failures > 0) await clock.sleep(backoffMs(failures - 1, random()), signal);
    }
  };

  const lead = async (duty: Duty, signal: AbortSignal | undefined): Promise<void> => {
    const stopped = new AbortController();
    const undoes = [closed.signal, ...(signal === undefined ? [] : [signal])].map(source =>
      onAbort(source, () => stopped.abort(source.reason)),
    );
    try {
      await campaigns(duty, stopped.signal);
    } finally {
      for (const undo of undoes) undo();
    }
  };

  const close = async (): Promise<void> => {
    if (!closed.signal.aborted) closed.abort(abortedError('the election'));
    await Promise.allSettled(running);
  };

  return {
    async lead(duty, wait = {}) {
      const leading = lead(duty, wait.signal);
      running.add(leading);
      try {
        await leading;
      } finally {
        running.delete(leading);
      }
    },
    observe: (wait = {}) => leaders(contest, { signal: wait.signal ?? closed.signal }),
    leader: (wait = {}) => readLeader(contest, wait),
    close,
    [Symbol.asyncDispose]: close,
  };
}

type TermEnd =
  | { readonly kind: 'resigned' }
  /** The term ended before its duty did, or never began. */
  | { readonly kind: 'over' }
  | { readonly kind: 'unsettled' }
  | { readonly kind: 'threw'; readonly error: unknown };

/** From the entry of one node to its removal. */
async function oneTerm(
  contest: Contest,
  id: string,
  duty: Duty,
  signal: AbortSignal,
): Promise<TermEnd> {
  const own = candidate(contest);
  try {
    const hold = await untilHeld(contest, own, Buffer.from(id), signal);
    return hold === undefined ? { kind: 'over' } : await runDuty(contest, duty, hold);
  } catch (error) {
    if (signal.aborted || !isPassing(error)) throw error;
    return { kind: 'unsettled' };
  } finally {
    await leaveUnlessAway(contest, own, signal);
  }
}

/** undefined: our node is gone. */
async function untilHeld(
  contest: Contest,
  own: Candidate,
  data: Buffer,
  signal: AbortSignal,
): Promise<OpenHold | undefined> {
  const { session } = contest;
  const created: Created = await own.enter(data, { signal });
  const { sessionId } = session;
  for (;;) {
    if ((await own.untilFirst({ signal })) === 'gone') return undefined;
    const hold = await openHold(session, created, { signal });
    if (hold !== undefined) return hold;
    await session.connected({ signal });
    if (session.sessionId !== sessionId) return undefined; // a node of a session that has ended holds nothing
  }
}

async function runDuty({ logger }: Contest, duty: Duty, hold: OpenHold): Promise<TermEnd> {
  try {
    await duty(hold);
    return { kind: hold.signal.aborted ? 'over' : 'resigned' };
  } catch (error) {
    if (!hold.signal.aborted) return { kind: 'threw', error };
    // what fails after the end of a term mostly failed because of it
    logger.debug({ error: errorText(error) }, 'a duty ended with a failure after its term');
    return { kind: 'over' };
  } finally {
    await hold.end();
  }
}

/** Waits until our node is gone; not so when we were given up while ZooKeeper is away: then it goes when that is back. */
async function leaveUnlessAway(
  { session, logger }: Contest,
  own: Candidate,
  signal: AbortSignal,
): Promise<void> {
  const away = deferred<void>();
  const look = (): void => {
    if (signal.aborted && session.state.kind !== 'connected') away.resolve();
  };
  const undoes = [session.onState(look), onAbort(signal, look)];
  look();
  const leaving = own.leave().catch((error: unknown) => {
    logger.warn({ error: errorText(error) }, 'a node of an election could not be removed');
  });
  try {
    await Promise.race([leaving, away.promise]);
  } finally {
    for (const undo of undoes) undo();
  }
}
