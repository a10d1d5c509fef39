import type { Clock, Timer } from '../kernel/clock.ts';
import {
  type ProtectionSettings,
  type ProtectionTracker,
  protectionTracker,
  type Suspect,
} from '../registry/index.ts';
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
  return new Suspects(parts);
}

/** A class: there is one for each service, and of most of them nobody ever vanishes. */
class Suspects implements ServiceSuspects {
  private readonly parts: ServiceSuspectsParts;
  /** Made for the first that vanishes. */
  private tracker: ProtectionTracker<ListedProvider> | undefined;
  private list: readonly SuspectProvider[] | undefined = NONE;
  private timer: Timer | undefined;

  constructor(parts: ServiceSuspectsParts) {
    this.parts = parts;
  }

  get size(): number {
    return this.tracker?.suspects.size ?? 0;
  }

  sorted(): readonly SuspectProvider[] {
    this.list ??= [...(this.tracker?.suspects.values() ?? [])]
      .map(suspect => this.shown(suspect))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.list;
  }

  get(id: string): SuspectProvider | undefined {
    return this.sorted().find(suspect => suspect.id === id);
  }

  vanished(
    provider: ListedProvider,
    drained: boolean,
    providersBefore: number,
  ): readonly SuspectProvider[] {
    const tracker = (this.tracker ??= protectionTracker(this.parts.settings));
    const { id, sessionId } = provider;
    const told = { id, sessionId, atMs: this.parts.clock.nowMs(), drained };
    const { suspected } = tracker.left(provider, told, providersBefore);
    if (suspected.length === 0) return NONE;
    this.list = undefined;
    if (this.timer === undefined) this.schedule(tracker);
    return suspected.flatMap(({ id: each }) => {
      const suspect = tracker.suspects.get(each);
      return suspect === undefined ? [] : [this.shown(suspect)];
    });
  }

  returned(id: string): ListedProvider | undefined {
    const { tracker } = this;
    const provider = tracker?.returned(id);
    if (tracker === undefined || provider === undefined) return undefined;
    this.list = undefined;
    this.schedule(tracker);
    return provider;
  }

  close(): void {
    this.timer?.cancel();
  }

  private shown(suspect: Suspect<ListedProvider>): SuspectProvider {
    const { provider, vanishedAtMs, heldUntilMs, reason } = suspect;
    const { clock } = this.parts;
    const wallOffset = clock.wallMs() - clock.nowMs();
    return {
      ...plain(provider),
      vanishedAt: new Date(vanishedAtMs + wallOffset).toISOString(),
      heldUntil: new Date(heldUntilMs + wallOffset).toISOString(),
      reason,
    };
  }

  private schedule(tracker: ProtectionTracker<ListedProvider>): void {
    const { clock } = this.parts;
    this.timer?.cancel();
    const deadline = tracker.nextDeadlineMs();
    this.timer =
      deadline === undefined
        ? undefined
        : clock.after(deadline - clock.nowMs(), () => this.release(tracker), { unref: true });
  }

  private release(tracker: ProtectionTracker<ListedProvider>): void {
    const { released } = tracker.expire(this.parts.clock.nowMs());
    this.schedule(tracker);
    if (released.length === 0) return;
    this.list = undefined;
    this.parts.onReleased(released);
  }
}
