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
  return new Conflicts(parts);
}

/** A class: there is one for each service, and most never have one. */
class Conflicts implements ServiceConflicts {
  private readonly parts: ServiceConflictsParts;
  /** Made for the first overlap; those that have lasted have no timer any more. */
  private overlaps: Map<string, Timer | 'lasting'> | undefined;

  constructor(parts: ServiceConflictsParts) {
    this.parts = parts;
  }

  check(id: string, claims: IdClaims | undefined): void {
    if (claims === undefined && this.overlaps === undefined) return;
    const overlaps = (this.overlaps ??= new Map());
    const known = overlaps.get(id);
    if (rivalOf(claims) === undefined) {
      if (known !== 'lasting') known?.cancel();
      overlaps.delete(id);
      return;
    }
    if (known !== undefined) return;
    const becomes = (): void => {
      overlaps.set(id, 'lasting');
      this.parts.onConflict(id);
    };
    overlaps.set(id, this.parts.clock.after(this.parts.afterMs, becomes, { unref: true }));
  }

  has(id: string): boolean {
    return this.overlaps?.get(id) === 'lasting';
  }

  close(): void {
    for (const overlap of this.overlaps?.values() ?? [])
      if (overlap !== 'lasting') overlap.cancel();
    this.overlaps = undefined;
  }
}
