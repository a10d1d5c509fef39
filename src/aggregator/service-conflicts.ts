import type { Clock, Timer } from '../kernel/clock.ts';
import type { IdClaims, ProviderClaim } from './provider-claims.ts';

/** Watches ids that znodes of several sessions claim: a restart is over soon, a conflict stays. */
export interface ServiceConflicts {
  /** Looks at an id whose claims have changed. `claims`: when there are several. */
  check(id: string, claims: IdClaims | undefined): void;
  /** Whether two have stayed for long. */
  has(id: string): boolean;
  close(): void;
}

export interface ServiceConflictsParts {
  readonly clock: Clock;
  readonly afterMs: number;
  /** Two sessions' znodes have claimed the id for `afterMs`; told once for each overlap. */
  readonly onConflict: (id: string) => void;
}

/** The youngest claim of another session than that of the one which speaks for the id. */
export function rivalOf(claims: IdClaims | undefined): ProviderClaim | undefined {
  return claims?.superseded.find(({ sessionId }) => sessionId !== claims.winner.sessionId);
}

export function serviceConflicts(parts: ServiceConflictsParts): ServiceConflicts {
  const waiting = new Map<string, Timer>();
  const lasting = new Set<string>();
  return {
    check(id, claims) {
      if (claims === undefined && waiting.size + lasting.size === 0) return;
      if (rivalOf(claims) === undefined) {
        waiting.get(id)?.cancel();
        waiting.delete(id);
        lasting.delete(id);
        return;
      }
      if (waiting.has(id) || lasting.has(id)) return;
      const becomes = (): void => {
        waiting.delete(id);
        lasting.add(id);
        parts.onConflict(id);
      };
      waiting.set(id, parts.clock.after(parts.afterMs, becomes, { unref: true }));
    },
    has: id => lasting.has(id),
    close() {
      for (const timer of waiting.values()) timer.cancel();
      waiting.clear();
    },
  };
}
