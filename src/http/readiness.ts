import type { ViewState } from '../aggregator/ports.ts';
import type { Phase } from './lifecycle.ts';

/** One thing that readiness hangs on. `detail` is one sentence for people. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ready: boolean;
  readonly detail: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly ReadinessCheck[];
}

/**
 * Ready: had one complete view, and is not shutting down. A stale view is ready: it would help nobody if every replica were
 * taken away just when ZooKeeper is.
 */
export function readinessOf(view: ViewState, phase: Phase): Readiness {
  const checks = [viewCheck(view), phaseCheck(phase)];
  return { ready: checks.every(check => check.ready), checks };
}

function viewCheck(view: ViewState): ReadinessCheck {
  const name = 'view';
  switch (view.kind) {
    case 'syncing':
      return { name, ready: false, detail: 'no complete view of ZooKeeper yet' };
    case 'live':
      return { name, ready: true, detail: 'live' };
    case 'stale': {
      const since = new Date(view.sinceWallMs).toISOString();
      return { name, ready: true, detail: `stale since ${since}, and serving` };
    }
    default:
      return view satisfies never;
  }
}

function phaseCheck(phase: Phase): ReadinessCheck {
  const ready = phase === 'serving';
  return { name: 'lifecycle', ready, detail: ready ? 'serving' : 'shutting down' };
}
