import type { Clock } from '../../kernel/clock.ts';
import { formatDurationMs } from '../../kernel/duration.ts';
import { errorText } from '../../kernel/errors.ts';
import type { Session } from '../../zookeeper/index.ts';
import { connectedWithin } from '../connect.ts';
import { fail, type Finding, ok, warn } from './finding.ts';

/** Waits until there is a session; the finding says in which time, or why there is none. */
export async function examineSession(
  session: Session,
  askedMs: number,
  clock: Clock,
): Promise<readonly Finding[]> {
  const beganMs = clock.nowMs();
  try {
    await connectedWithin(session, clock);
  } catch (error) {
    const remedy = 'see the servers above; with TLS or authentication, see their logs, too';
    return [fail('session', `no session (${errorText(error)})`, remedy)];
  }
  const tookMs = clock.nowMs() - beganMs;
  const established = ok(
    'session',
    `a session with ${session.server ?? 'a server'} within ${tookMs.toFixed(0)} ms`,
  );
  return [established, judgeTimeout(session.timeoutMs, askedMs)];
}

function judgeTimeout(grantedMs: number, askedMs: number): Finding {
  const granted = formatDurationMs(grantedMs);
  if (grantedMs === askedMs) return ok('timeout', `a crash is seen within ${granted}, as asked`);
  return warn(
    'timeout',
    `asked for a session timeout of ${formatDurationMs(askedMs)}, got ${granted}`,
    `ask for what the servers grant with --session-timeout, or change their ${grantedMs > askedMs ? 'minSessionTimeout' : 'maxSessionTimeout'} (by default 2 and 20 times tickTime)`,
  );
}

/** Which newer operations the server has, and what their lack costs. */
export async function examineOperations(session: Session): Promise<Finding> {
  const { persistentWatches, multiRead } = await session.features();
  const missing = [
    ...(persistentWatches ? [] : ['persistent watches']),
    ...(multiRead ? [] : ['multiRead']),
  ];
  if (missing.length === 0) return ok('operations', 'persistent watches and multiRead are there');
  const remedy =
    'upgrade ZooKeeper to 3.6 or newer: starts and reconnects read node by node until then';
  return warn('operations', `the server has no ${missing.join(' and no ')}`, remedy);
}
