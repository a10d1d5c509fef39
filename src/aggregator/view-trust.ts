import { abortable, deferred, type WaitOptions } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Listeners } from '../kernel/listeners.ts';
import type { MirrorState } from '../zookeeper/index.ts';
import type { ViewState } from './ports.ts';

/** How far the view may be believed. */
export interface ViewTrust {
  readonly state: ViewState;
  /** Looks at the mirror's state anew. `applied`: all that it has delivered is in the view. */
  update(mirror: MirrorState, applied: boolean): void;
  ready(options?: WaitOptions): Promise<void>;
}

export function viewTrust(clock: Clock, states: Listeners<ViewState>): ViewTrust {
  const complete = deferred<void>();
  let state: ViewState = { kind: 'syncing' };

  return {
    get state() {
      return state;
    },
    update(mirror, applied) {
      const next = nextTrust(state, mirror, applied, clock);
      if (next === state) return;
      state = next;
      if (next.kind === 'live') complete.resolve();
      states.emit(next);
    },
    ready: (options = {}) => abortable(complete.promise, options.signal),
  };
}

/** Once complete, a view is never `syncing` again: it is stale, and says since when. */
function nextTrust(
  state: ViewState,
  mirror: MirrorState,
  applied: boolean,
  clock: Clock,
): ViewState {
  if (mirror.kind === 'live' && applied) return state.kind === 'live' ? state : { kind: 'live' };
  switch (state.kind) {
    case 'syncing':
    case 'stale':
      return state;
    case 'live': {
      // What is live and has only more to apply than fits in one slice, is as true as it was a moment ago.
      if (mirror.kind === 'live') return state;
      const agoMs = mirror.kind === 'stale' ? clock.nowMs() - mirror.sinceMs : 0;
      return { kind: 'stale', sinceWallMs: Math.round(clock.wallMs() - agoMs) };
    }
    default:
      return state satisfies never;
  }
}
