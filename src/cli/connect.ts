import { abortable } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { formatDurationMs } from '../kernel/duration.ts';
import { errorText, RollcallError } from '../kernel/errors.ts';
import type { ZooKeeperTarget } from '../daemon/index.ts';
import { openSession, type Session } from '../zookeeper/index.ts';

const CONNECT_WITHIN_MS = 10_000;

/**
 * A session that is connected. The caller closes it.
 *
 * @throws RollcallError ZOOKEEPER_UNAVAILABLE when there is none within ten seconds.
 */
export async function openConnected(target: ZooKeeperTarget, clock: Clock): Promise<Session> {
  const session = await openSession({ ...target, clock });
  try {
    await connectedWithin(session, clock);
    return session;
  } catch (error) {
    await session.close();
    throw new RollcallError(
      'ZOOKEEPER_UNAVAILABLE',
      `ZooKeeper at ${target.servers} cannot be reached (${errorText(error)}): is it started, and is --zookeeper right?`,
      { cause: error },
    );
  }
}

/**
 * Waits until the session is connected, ten seconds at the longest.
 *
 * @throws RollcallError CONNECTION_LOSS, or why the servers refuse us.
 */
export async function connectedWithin(session: Session, clock: Clock): Promise<void> {
  const limit = new AbortController();
  const timer = clock.after(CONNECT_WITHIN_MS, () =>
    limit.abort(new RollcallError('TIMEOUT', `none within ${formatDurationMs(CONNECT_WITHIN_MS)}`)),
  );
  try {
    await abortable(session.connected({ signal: limit.signal }), limit.signal);
  } catch (error) {
    const { state } = session;
    throw 'reason' in state && state.reason !== undefined ? state.reason : error;
  } finally {
    timer.cancel();
  }
}
