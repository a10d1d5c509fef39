/**
 * Protection against a mass vanishing: a pure state machine for one service, without a clock of its own. The truth is not
 * touched by it: what vanished has left. It only says which of the vanished may still be tried when nothing else is left.
 */

export interface ProtectionSettings {
  readonly enabled: boolean;
  /** The share of a service's providers that must vanish, 0..1. */
  readonly ratio: number;
  /** At least so many of them. */
  readonly minCount: number;
  /** Owned by at least so many sessions: one process that dies takes all of its own with it, and that is no mass event. */
  readonly minSessions: number;
  /** How close together. */
  readonly windowMs: number;
  /** How long a suspect is kept at the longest, counted from its own vanishing. */
  readonly holdMs: number;
  /** The most suspects of one service, and the most vanishings that are remembered. */
  readonly maxSuspects: number;
}

export const PROTECTION_DEFAULTS: ProtectionSettings = {
  enabled: true,
  ratio: 0.7,
  minCount: 3,
  minSessions: 2,
  windowMs: 2_000,
  holdMs: 30_000,
  maxSuspects: 50_000,
};

export interface Vanished {
  readonly id: string;
  readonly sessionId: bigint;
  /** Monotonic; never less than in an earlier call. */
  readonly atMs: number;
  /** Its last status was `draining` or `down`: it said that it goes. */
  readonly drained: boolean;
}

export interface Suspect<P> {
  readonly provider: P;
  readonly vanishedAtMs: number;
  readonly heldUntilMs: number;
  /** One sentence for people. */
  readonly reason: string;
}

export interface ProtectionTracker<P> {
  /**
   * Tells of one provider that vanished. `providersBefore` is the number of the service's providers just before this one
   * vanished, itself included. Returns those that are suspects from now on: none, this one, or this one together with those
   * that vanished shortly before.
   */
  left(
    provider: P,
    vanished: Vanished,
    providersBefore: number,
  ): { readonly suspected: readonly P[] };
  /** A provider of this id is listed (again): it is no suspect, and did not vanish. Returns what was kept of it. */
  returned(id: string): P | undefined;
  /** Lets go of those whose hold has lapsed. */
  expire(nowMs: number): { readonly released: readonly P[] };
  readonly suspects: ReadonlyMap<string, Suspect<P>>;
  /** When `expire` has something to let go next. */
  nextDeadlineMs(): number | undefined;
}

interface Entry<P> {
  readonly provider: P;
  readonly vanished: Vanished;
  readonly providersBefore: number;
}

/** Each call costs constant time on average, however many vanish together. */
export function protectionTracker<P>(
  settings: ProtectionSettings = PROTECTION_DEFAULTS,
): ProtectionTracker<P> {
  // Both maps are in the order of the vanishing. `recent` holds what vanished within the window, `undecided` is its part that is not suspected.
  const recent = new Map<string, Entry<P>>();
  const undecided = new Map<string, Entry<P>>();
  const sessions = new Map<bigint, number>();
  const suspects = new Map<string, Suspect<P>>();

  const forget = (id: string): void => {
    const entry = recent.get(id);
    if (entry === undefined) return;
    recent.delete(id);
    undecided.delete(id);
    const { sessionId } = entry.vanished;
    const rest = (sessions.get(sessionId) ?? 1) - 1;
    if (rest === 0) sessions.delete(sessionId);
    else sessions.set(sessionId, rest);
  };

  const prune = (nowMs: number): void => {
    for (const [id, entry] of recent) {
      const stays =
        nowMs - entry.vanished.atMs <= settings.windowMs && recent.size <= settings.maxSuspects;
      if (stays) return;
      forget(id);
    }
  };

  const remember = (entry: Entry<P>): void => {
    const { id, sessionId, atMs } = entry.vanished;
    forget(id);
    recent.set(id, entry);
    undecided.set(id, entry);
    sessions.set(sessionId, (sessions.get(sessionId) ?? 0) + 1);
    prune(atMs);
  };

  const suspectAll = (nowMs: number): readonly P[] => {
    const reason = verdict(recent, sessions.size, settings);
    if (reason === undefined) return [];
    const suspected: P[] = [];
    for (const { provider, vanished } of undecided.values()) {
      const heldUntilMs = vanished.atMs + settings.holdMs;
      if (heldUntilMs <= nowMs || suspects.size >= settings.maxSuspects) continue;
      suspects.delete(vanished.id);
      suspects.set(vanished.id, { provider, vanishedAtMs: vanished.atMs, heldUntilMs, reason });
      suspected.push(provider);
    }
    undecided.clear();
    return suspected;
  };

  return {
    left(provider, vanished, providersBefore) {
      if (!settings.enabled || vanished.drained) return { suspected: [] };
      remember({ provider, vanished, providersBefore });
      return { suspected: suspectAll(vanished.atMs) };
    },
    returned(id) {
      forget(id);
      const suspect = suspects.get(id);
      suspects.delete(id);
      return suspect?.provider;
    },
    expire(nowMs) {
      prune(nowMs);
      const released: P[] = [];
      for (const [id, suspect] of suspects) {
        if (suspect.heldUntilMs > nowMs) break;
        suspects.delete(id);
        released.push(suspect.provider);
      }
      return { released };
    },
    suspects,
    nextDeadlineMs() {
      for (const suspect of suspects.values()) return suspect.heldUntilMs;
      return undefined;
    },
  };
}

/** Why what vanished recently is a mass event; undefined when it is none. */
function verdict<P>(
  recent: ReadonlyMap<string, Entry<P>>,
  sessions: number,
  settings: ProtectionSettings,
): string | undefined {
  const [first] = recent.values();
  if (first === undefined) return undefined;
  const before = Math.max(first.providersBefore, recent.size);
  const share = recent.size / before;
  // 0.7 of 10 is 7, whatever the last bit of the quotient says.
  const enough = share >= settings.ratio - 1e-9;
  if (!enough || recent.size < settings.minCount || sessions < settings.minSessions) {
    return undefined;
  }
  return `${recent.size} of ${before} providers, of ${sessions} sessions, vanished within ${settings.windowMs} ms without having drained`;
}
