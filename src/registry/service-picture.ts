import type { Clock, Timer } from '../kernel/clock.ts';
import { type ProtectionSettings, protectionTracker } from './protection.ts';
import type { ProviderRecord } from './record.ts';
import { type Roster, type RosterDelta, type RosterStep, roster } from './roster.ts';

export interface PictureOptions {
  readonly clock: Clock;
  readonly protection: ProtectionSettings;
  /** The suspects are not what they were. */
  readonly onSuspects: () => void;
}

/** What a consumer knows of one service: its providers, and beside them those that vanished suspiciously. */
export interface ServicePicture {
  /** Changes go in here, and take effect with `settle`. */
  readonly roster: Pick<Roster, 'put' | 'drop' | 'reject' | 'override' | 'providers' | 'listed'>;
  /** @param truthful false: what is missing now was only remembered, nobody saw it vanish. */
  settle(truthful: boolean): readonly RosterDelta[];
  /** The same array until something in it changes. */
  readonly suspects: readonly ProviderRecord[];
  close(): void;
}

export function servicePicture({ clock, protection, onSuspects }: PictureOptions): ServicePicture {
  const known = roster();
  const tracker = protectionTracker<ProviderRecord>(protection);
  let suspects: readonly ProviderRecord[] = [];
  let timer: Timer | undefined;

  const notice = (step: RosterStep, nowMs: number): boolean => {
    const { delta, before } = step;
    if (delta.type !== 'left') return tracker.returned(delta.provider.id) !== undefined;
    const { id, status } = delta.provider;
    const drained = status === 'draining' || status === 'down' || step.wasRejected;
    const sessionId = before?.node.sessionId ?? 0n;
    const vanished = { id, sessionId, atMs: nowMs, drained };
    return tracker.left(delta.provider, vanished, step.sizeBefore).suspected.length > 0;
  };

  const publish = (): void => {
    suspects = [...tracker.suspects.values()].map(({ provider }) => provider);
    timer?.cancel();
    const deadlineMs = tracker.nextDeadlineMs();
    timer =
      deadlineMs === undefined
        ? undefined
        : clock.after(deadlineMs - clock.nowMs(), expire, { unref: true });
    onSuspects();
  };

  const expire = (): void => {
    tracker.expire(clock.nowMs());
    publish();
  };

  return {
    roster: known,
    settle(truthful) {
      const steps = known.settle();
      const nowMs = clock.nowMs();
      const noticed = truthful ? steps.map(step => notice(step, nowMs)) : [];
      if (noticed.includes(true)) publish();
      return steps.map(({ delta }) => delta);
    },
    get suspects() {
      return suspects;
    },
    close: () => timer?.cancel(),
  };
}
