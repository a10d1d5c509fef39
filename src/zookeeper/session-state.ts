import type { RollcallError } from '../kernel/errors.ts';
import type { SessionState } from './api.ts';

export type SessionEvent =
  /** A server took us, auth and watches are in place. */
  | { readonly kind: 'attached' }
  /** The connection in use is gone. */
  | { readonly kind: 'detached'; readonly atMs: number }
  /** A whole session timeout without an answer, by our own clock. */
  | { readonly kind: 'outlived' }
  /** The server said that the session is gone. */
  | { readonly kind: 'expired' }
  /** The server refused our credentials. */
  | { readonly kind: 'refused'; readonly reason: RollcallError }
  | { readonly kind: 'closed' };

/** The session's transitions: pure; `closed` is the end. A new epoch begins at the first attachment and at the first after `lost`. */
export function nextState(state: SessionState, event: SessionEvent): SessionState {
  if (state.kind === 'closed') return state;
  switch (event.kind) {
    case 'attached':
      return attached(state);
    case 'detached':
      return state.kind === 'connected'
        ? { kind: 'suspended', epoch: state.epoch, sinceMs: event.atMs }
        : state;
    case 'outlived':
    case 'expired':
      return state.kind === 'connected' || state.kind === 'suspended'
        ? { kind: 'lost', epoch: state.epoch }
        : state;
    case 'refused':
      return state.kind === 'connected' ? state : { ...state, reason: event.reason };
    case 'closed':
      return { kind: 'closed' };
    default:
      return event satisfies never;
  }
}

function attached(state: Exclude<SessionState, { kind: 'closed' }>): SessionState {
  switch (state.kind) {
    case 'connecting':
      return { kind: 'connected', epoch: 1 };
    case 'connected':
      return state;
    case 'suspended':
      return { kind: 'connected', epoch: state.epoch };
    case 'lost':
      return { kind: 'connected', epoch: state.epoch + 1 };
    default:
      return state satisfies never;
  }
}
