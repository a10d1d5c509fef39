import type { Clock, Timer } from '../kernel/clock.ts';
import { type ProtectionSettings, protectionTracker, type Suspect } from '../registry/index.ts';
import type { ListedProvider, SuspectProvider } from './ports.ts';
import { plain } from './listed-providers.ts';

/** What vanished together with most of one service, and is kept beside the truth for a while. */
export interface ServiceSuspects {
  readonly size: number;
  /** Sorted by id; the same array until the set changes. */
  sorted(): readonly SuspectProvider[];
  get(id: string): SuspectProvider | undefined;
  /** Tells of a provider that vanished; returns who became a suspect by it. */
  vanished(
    provider: ListedProvider,
    drained: boolean,
    providersBefore: number,
  ): readonly SuspectProvider[];
  /** The id is listed again. Returns what was kept of it. */
  returned(id: string): ListedProvider | undefined;
  close(): void;
}

export interface ServiceSuspectsParts {
  readonly clock: Clock;
  readonly settings: ProtectionSettings;
  /** The hold of these has lapsed. */
  readonly onReleased: (released: readonly ListedProvider[]) => void;
}

const NONE: readonly SuspectProvider[] = [];

export function serviceSuspects(parts: ServiceSuspectsParts): ServiceSuspects {
  const { clock, settings } = parts;
  const tracker = protectionTracker<ListedProvider>(settings);
  let list: readonly SuspectProvider[] | undefined = NONE;
  let timer: Timer | undefined;

  const shown = ({
    provider,
    vanishedAtMs,
    heldUntilMs,
    reason,
  }: Suspect<ListedProvider>): SuspectProvider => {
    const wallOffset = clock.wallMs() - clock.nowMs();
    return {
      ...plain(provider),
      vanishedAt: new Date(vanishedAtMs + wallOffset).toISOString(),
      heldUntil: new Date(heldUntilMs + wallOffset).toISOString(),
      reason,
    };
  };
  const sorted = (): readonly SuspectProvider[] =>
    (list ??= [...tracker.suspects.values()].map(shown).sort((a, b) => (a.id < b.id ? -1 : 1)));

  const schedule = (): void => {
    timer?.cancel();
    const deadline = tracker.nextDeadlineMs();
    timer =
      deadline === undefined
        ? undefined
        : clock.after(deadline - clock.nowMs(), release, { unref: true });
  };

  const release = (): void => {
    const { released } = tracker.expire(clock.nowMs());
    schedule();
    if (released.length === 0) return;
    list = undefined;
    parts.onReleased(released);
  };

  return {
    get size() {
      return tracker.suspects.size;
    },
    sorted,
    get: id => sorted().find(suspect => suspect.id === id),
    vanished(provider, drained, providersBefore) {
      const { id, sessionId } = provider;
      const told = { id, sessionId, atMs: clock.nowMs(), drained };
      const { suspected } = tracker.left(provider, told, providersBefore);
      if (suspected.length === 0) return NONE;
      list = undefined;
      if (timer === undefined) schedule();
      return suspected.flatMap(({ id: each }) => {
        const suspect = tracker.suspects.get(each);
        return suspect === undefined ? [] : [shown(suspect)];
      });
    },
    returned(id) {
      const provider = tracker.returned(id);
      if (provider === undefined) return undefined;
      list = undefined;
      schedule();
      return provider;
    },
    close: () => timer?.cancel(),
  };
}
