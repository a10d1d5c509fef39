import { randomUUID } from 'node:crypto';
import { abortable, deferred } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, RollcallError } from '../../kernel/errors.ts';
import type { Session } from '../../zookeeper/index.ts';
import { fail, type Finding, ok, warn } from './finding.ts';

const EVENT_WITHIN_MS = 5_000;
/** Below this the clocks agree well enough for people who compare times of two machines. */
const CLOCK_TOLERANCE_MS = 1_000;

/**
 * Makes an ephemeral node of its own, hears of it by a watch, compares the server's clock with ours by its time of creation,
 * and removes it.
 */
export async function examineWithProbe(
  session: Session,
  root: string,
  clock: Clock,
): Promise<readonly Finding[]> {
  if ((await session.exists('/')) === undefined) return []; // the chroot is missing, which was told already
  const parent = (await session.exists(root)) === undefined ? '' : root;
  const path = `${parent}/rollcall-doctor-${randomUUID()}`;
  const heard = deferred<number>();
  try {
    const { watch } = await session.watchExists(path, () => heard.resolve(clock.nowMs()));
    const beforeMs = clock.wallMs();
    const askedAtMs = clock.nowMs();
    const { stat } = await session.create(path, Buffer.alloc(0), { mode: 'ephemeral' });
    const afterMs = clock.wallMs();
    const watches = await examineWatch(heard.promise, askedAtMs, clock);
    await watch.close();
    await session.remove(path, -1);
    return [watches, judgeClock(stat.ctimeMs, beforeMs, afterMs)];
  } catch (error) {
    const remedy = 'watches and clocks could not be looked at: see the rights';
    return [
      fail(
        'watches',
        `no node can be made below ${parent === '' ? '/' : parent} (${errorText(error)})`,
        remedy,
      ),
    ];
  }
}

async function examineWatch(
  heard: Promise<number>,
  askedAtMs: number,
  clock: Clock,
): Promise<Finding> {
  const limit = new AbortController();
  const timer = clock.after(EVENT_WITHIN_MS, () =>
    limit.abort(new RollcallError('TIMEOUT', 'no event')),
  );
  try {
    const atMs = await abortable(heard, limit.signal);
    return ok(
      'watches',
      `a watch told of a change ${(atMs - askedAtMs).toFixed(1)} ms after it was asked for`,
    );
  } catch {
    const remedy = 'is there something between us and ZooKeeper that holds packets back?';
    return fail('watches', `no event within ${EVENT_WITHIN_MS} ms of a change`, remedy);
  } finally {
    timer.cancel();
  }
}

function judgeClock(serverMs: number, beforeMs: number, afterMs: number): Finding {
  const offMs = serverMs < beforeMs ? serverMs - beforeMs : Math.max(0, serverMs - afterMs);
  const text = `ZooKeeper's clock is ${Math.abs(offMs)} ms ${offMs < 0 ? 'behind' : 'ahead of'} ours`;
  if (Math.abs(offMs) <= CLOCK_TOLERANCE_MS) {
    return ok('clock', offMs === 0 ? "ZooKeeper's clock agrees with ours" : text);
  }
  return warn(
    'clock',
    text,
    'run NTP on both: nothing breaks, but the times that people read do not fit',
  );
}
