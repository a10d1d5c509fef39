import { setMaxListeners } from 'node:events';
import type { Clock, Timer } from '../kernel/clock.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import { listeners } from '../kernel/listeners.ts';
import type { Logger } from '../kernel/log.ts';
import type { SessionMetrics, SessionState } from './api.ts';
import type { Liveness } from './liveness.ts';
import { connectionLoss } from './server-errors.ts';
import { nextState, type SessionEvent } from './session-state.ts';

/** What the clock acts upon. */
export interface Watched {
  readonly isAttached: boolean;
  readonly isWelcome: boolean;
  ping(): void;
  drop(error: RollcallError): void;
}

export interface LifecycleOptions {
  readonly clock: Clock;
  readonly alive: Liveness;
  readonly logger: Logger;
  readonly metrics: SessionMetrics | undefined;
  readonly watched: () => Watched | undefined;
  /** Told of every change, before the listeners are. */
  readonly changed: (state: SessionState, previous: SessionState) => void;
}

/** The session's state, its epochs and its clock: the one place where it is changed, logged and counted. */
export interface Lifecycle {
  readonly state: SessionState;
  readonly epoch: number;
  readonly signal: AbortSignal;
  apply(event: SessionEvent): void;
  /** Acts on what the clock says now: timers are late after a pause of the process. */
  look(): void;
  trusted(): boolean;
  /** Sets the timer anew: the deadlines may have come nearer. */
  wind(): void;
  onState(listener: (state: SessionState) => void): () => void;
}

export function lifecycle(options: LifecycleOptions): Lifecycle {
  const { clock, alive, logger } = options;
  let state: SessionState = { kind: 'connecting' };
  let epoch = 0;
  let controller = epochController();
  let timer: Timer | undefined;
  const heard = listeners<SessionState>(error =>
    logger.error({ error: errorText(error) }, 'a listener of the session state failed'),
  );

  const apply = (event: SessionEvent): void => {
    const previous = state;
    state = nextState(previous, event);
    if (state === previous) return;
    if (state.kind === 'connected') enterEpoch(state.epoch);
    record(previous);
    const now = state;
    if (now.kind === 'lost')
      controller.abort(new RollcallError('SESSION_LOST', 'the ZooKeeper session is lost'));
    if (now.kind === 'closed')
      controller.abort(new RollcallError('SESSION_CLOSED', 'the session was closed'));
    options.changed(now, previous);
    heard.emit(now);
    wind();
  };

  const enterEpoch = (entered: number): void => {
    if (entered > 1 && entered !== epoch) controller = epochController();
    epoch = entered;
  };

  const record = (previous: SessionState): void => {
    if (state.kind === previous.kind) return;
    options.metrics?.entered(state.kind, epoch);
    const fields = { state: state.kind, from: previous.kind, epoch };
    if (state.kind === 'suspended' || state.kind === 'lost')
      logger.warn(fields, 'the session to ZooKeeper changed its state');
    else logger.info(fields, 'the session to ZooKeeper changed its state');
  };

  const look = (): void => {
    if (state.kind === 'closed') return;
    const nowMs = clock.nowMs();
    const watched = options.watched();
    if (watched?.isWelcome === true && nowMs >= alive.suspectAtMs()) {
      watched.drop(
        connectionLoss(
          `no answer to anything sent in the last ${Math.round((alive.timeoutMs * 2) / 3)} ms`,
        ),
      );
    }
    if ((state.kind === 'connected' || state.kind === 'suspended') && nowMs >= alive.lostAtMs())
      apply({ kind: 'outlived' });
  };

  const tick = (): void => {
    look();
    const watched = options.watched();
    if (watched?.isAttached === true && clock.nowMs() >= alive.pingDueMs()) watched.ping();
    wind();
  };

  const wind = (): void => {
    timer?.cancel();
    timer = undefined;
    const dueMs = nextDueMs();
    if (dueMs !== undefined) timer = clock.after(Math.max(1, dueMs - clock.nowMs()), tick);
  };

  const nextDueMs = (): number | undefined => {
    const watched = options.watched();
    if (state.kind === 'closed') return undefined;
    if (watched?.isAttached === true) return Math.min(alive.pingDueMs(), alive.suspectAtMs());
    if (watched?.isWelcome === true) return alive.suspectAtMs();
    return state.kind === 'suspended' ? alive.lostAtMs() : undefined;
  };

  return {
    get state() {
      return state;
    },
    get epoch() {
      return epoch;
    },
    get signal() {
      return controller.signal;
    },
    apply,
    look,
    trusted() {
      look();
      return state.kind === 'connected' && clock.nowMs() < alive.suspectAtMs();
    },
    wind,
    onState: heard.add,
  };
}

/** Any number of waits may hang on an epoch. */
function epochController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
