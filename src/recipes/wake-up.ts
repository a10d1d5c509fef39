import { abortable, deferred, type WaitOptions } from '../kernel/abort.ts';
import type { Session, Watch } from '../zookeeper/index.ts';

/**
 * Arms a watch, and waits until it fires or a new epoch begins. Returns at once when `arm` found that there is nothing to wait for (it
 * returns false), and when the session is closed, which tells nobody's watch: whoever looks again hears SESSION_CLOSED. The watch is
 * gone afterwards, however it ended.
 *
 * @throws the signal's reason.
 */
export async function untilWoken(
  session: Session,
  arm: (wake: () => void) => Promise<{ readonly watch: Watch; readonly worthWaiting: boolean }>,
  { signal }: WaitOptions,
): Promise<void> {
  const woken = deferred<void>();
  const { epoch } = session;
  const undoes = [
    session.onAttached(attached => {
      if (attached.epoch !== epoch) woken.resolve();
    }),
    session.onState(({ kind }) => {
      if (kind === 'closed') woken.resolve();
    }),
  ];
  try {
    const { watch, worthWaiting } = await arm(woken.resolve);
    try {
      if (worthWaiting && session.epoch === epoch) await abortable(woken.promise, signal);
    } finally {
      void watch.close();
    }
  } finally {
    for (const undo of undoes) undo();
  }
}
