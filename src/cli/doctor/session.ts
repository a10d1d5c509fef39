import { abortable } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { formatDurationMs } from '../../kernel/duration.ts';
import { errorText, RollcallError } from '../../kernel/errors.ts';
import type { Session } from '../../zookeeper/index.ts';
import { fail, type Finding, ok, warn } from './finding.ts';

const CONNECT_WITHIN_MS = 10_000;

/** Waits until there is a session; the finding says in which time, or why there is none. */
export async function examineSession(
  session: Session,
  askedMs: number,
  clock: Clock,
): Promise<readonly Finding[]> {
  const beganMs = clock.nowMs();
  const limit = new AbortController();
  const timer = clock.after(CONNECT_WITHIN_MS, () =>
    limit.abort(new RollcallError('TIMEOUT', `none within ${formatDurationMs(CONNECT_WITHIN_MS)}`)),
  );
  try {
    await abortable(session.connected({ signal: limit.signal }), limit.signal);
  } catch (error) {
    const { state } = session;
    const reason = 'reason' in state && state.reason !== undefined ? state.reason : error;
    const remedy = 'see the servers above; with TLS or authentication, see their logs, too';
    return [fail('session', `no session (${errorText(reason)})`, remedy)];
  } finally {
    timer.cancel();
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
