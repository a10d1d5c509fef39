import type { Clock, Timer } from '../kernel/clock.ts';
import {
  type ProtectionSettings,
  type ProtectionTracker,
  protectionTracker,
  type Suspect,
} from '../registry/index.ts';
import type { ListedProvider, SuspectProvider } from './ports.ts';

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

/** All else is as it was listed: nothing of it is decoded, or encoded again, because it vanished. */
class Shown implements SuspectProvider {
  readonly last: ListedProvider;
  readonly vanishedAt: string;
  readonly heldUntil: string;
  readonly reason: string;

  constructor(last: ListedProvider, vanishedAt: string, heldUntil: string, reason: string) {
    this.last = last;
    this.vanishedAt = vanishedAt;
    this.heldUntil = heldUntil;
    this.reason = reason;
  }

  get id(): string {
    return this.last.id;
  }
  get record(): ListedProvider['record'] {
    return this.last.record;
  }
  get status(): ListedProvider['status'] {
    return this.last.status;
  }
  get znode(): string {
    return this.last.znode;
  }
  get czxid(): bigint {
    return this.last.czxid;
  }
  get mzxid(): bigint {
    return this.last.mzxid;
  }
  get sessionId(): bigint {
    return this.last.sessionId;
  }
  get since(): string {
    return this.last.since;
  }
  get override(): ListedProvider['override'] {
    return this.last.override;
  }
  get healthy(): ListedProvider['healthy'] {
    return this.last.healthy;
  }
}

/** One object for as long as it is held: its text is kept with it. */
const faces = new WeakMap<Suspect<ListedProvider>, SuspectProvider>();

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
    const known = faces.get(suspect);
    if (known !== undefined) return known;
    const { provider, vanishedAtMs, heldUntilMs, reason } = suspect;
    const { clock } = this.parts;
    const wallOffset = clock.wallMs() - clock.nowMs();
    const at = (ms: number): string => new Date(ms + wallOffset).toISOString();
    const shown = new Shown(provider, at(vanishedAtMs), at(heldUntilMs), reason);
    faces.set(suspect, shown);
    return shown;
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
