import { type Listeners, listeners } from '../kernel/listeners.ts';

export type Phase =
  | 'serving'
  /** Everything is still answered, but `/readyz` fails, so that load balancers send nobody here any more. */
  | 'leaving'
  /** Streams have had their goodbye, held requests their answer; new ones of both kinds are refused. */
  | 'draining';

/** How far the shutdown has come; it never goes back. */
export interface Lifecycle {
  readonly phase: Phase;
  leave(): void;
  drain(): void;
  onDrain(listener: () => void): () => void;
}

export function createLifecycle(onError: (error: unknown) => void): Lifecycle {
  let phase: Phase = 'serving';
  const draining: Listeners<void> = listeners(onError);
  return {
    get phase() {
      return phase;
    },
    leave() {
      if (phase === 'serving') phase = 'leaving';
    },
    drain() {
      if (phase === 'draining') return;
      phase = 'draining';
      draining.emit();
    },
    onDrain: listener => draining.add(listener),
  };
}
