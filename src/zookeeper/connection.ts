import { backoffMs } from '../kernel/backoff.ts';
import { errorText, isAbort, type RollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import {
  type Attachment,
  type AttachmentOptions,
  type Ending,
  openAttachment,
} from './attachment.ts';
import { NEW_SESSION } from './handshake.ts';
import { takesNewSessions } from './probe.ts';
import { addressText, type Rotation, type ServerAddress } from './server-list.ts';

/** An attachment that ended sooner than this counts as a failed try: a server that drops us at once is not asked at speed. */
const STEADY_MS = 1000;
const FIRST_BACKOFF_MS = 50;
const LEAST_CAP_MS = 500;
const MOST_CAP_MS = 5000;
const REFUSED_FIRST_MS = 1000;
const REFUSED_CAP_MS = 30_000;
/** So many rounds of closed handshakes, while the session is lost anyway, before we look whether the ensemble was rebuilt. */
const SHUNNED_ROUNDS = 3;

export interface ConnectionOptions extends Omit<AttachmentOptions, 'server'> {
  readonly servers: Rotation;
  readonly random: () => number;
  readonly logger: Logger;
  readonly refused: (error: RollcallError) => void;
  readonly isLost: () => boolean;
}

/** Goes from server to server until one takes us, and again when it is gone; with back-off between the rounds. */
export interface Connection {
  /** The attachment under way, in whatever phase. */
  readonly present: Attachment | undefined;
  /** Begins nothing new, drops what is under way, and resolves when all has ended. */
  stop(error: RollcallError): Promise<void>;
}

export function openConnection(options: ConnectionOptions): Connection {
  const { servers, clock, random, logger } = options;
  const stopped = new AbortController();
  let present: Attachment | undefined;
  let failures = 0;
  let refusals = 0;
  let shunned = 0;

  const attempt = async (server: ServerAddress): Promise<Ending> => {
    present = openAttachment({ ...options, server });
    const ending = await present.ended;
    present = undefined;
    return ending;
  };

  /**
   * A server closes the handshake of a client that has seen more than itself. When all do, for long, and take others, then the
   * ensemble was rebuilt or restored, and would shun us for ever: what we have seen is forgotten with the session.
   */
  const reconsider = async (server: ServerAddress, ending: Ending): Promise<Ending> => {
    shunned = ending.kind === 'failed' ? shunned + (ending.shunned ? 1 : 0) : 0;
    if (shunned < SHUNNED_ROUNDS * servers.size || !options.isLost()) return ending;
    shunned = 0;
    const { tls, connectTimeoutMs: deadlineMs, askedTimeoutMs: timeoutMs, memory } = options;
    const probe = { server, tls, clock, timeoutMs, deadlineMs, signal: stopped.signal };
    if (!(await takesNewSessions(probe)) || stopped.signal.aborted) return ending;
    const again = await attempt(server);
    if (again.kind === 'failed' && again.shunned) {
      logger.warn(
        { server: addressText(server) },
        'ZooKeeper has gone back behind what was seen of it',
      );
      memory.credentials = NEW_SESSION;
      memory.lastZxid = 0n;
    }
    return again;
  };

  /** How long to wait before the next try. */
  const judge = (server: ServerAddress, ending: Ending): number => {
    switch (ending.kind) {
      case 'expired':
        return 0;
      case 'refused':
        refusals += 1;
        options.refused(ending.error);
        return backoffMs(refusals - 1, random(), {
          firstMs: REFUSED_FIRST_MS,
          capMs: REFUSED_CAP_MS,
        });
      case 'detached':
        refusals = 0;
        if (ending.attachedForMs >= STEADY_MS) {
          failures = 0;
          return 0;
        }
        return failed();
      case 'failed':
        report(server, ending.error);
        return failed();
      default:
        return ending satisfies never;
    }
  };

  /** Each try is for those who look closely; a first round without a server is for everybody. */
  const report = (server: ServerAddress, error: RollcallError): void => {
    const fields = { server: addressText(server), error: errorText(error) };
    if (failures === servers.size - 1) logger.warn(fields, 'no ZooKeeper server takes us yet');
    else logger.debug(fields, 'a ZooKeeper server did not take us');
  };

  const failed = (): number => {
    failures += 1;
    if (failures % servers.size !== 0) return 0;
    const capMs = Math.min(MOST_CAP_MS, Math.max(LEAST_CAP_MS, options.alive.timeoutMs / 3));
    return backoffMs(failures / servers.size - 1, random(), { firstMs: FIRST_BACKOFF_MS, capMs });
  };

  const run = async (): Promise<void> => {
    let server = servers.next();
    while (!stopped.signal.aborted) {
      const ending = await reconsider(server, await attempt(server));
      if (stopped.signal.aborted) return;
      const waitMs = judge(server, ending);
      if (ending.kind !== 'expired') server = servers.next();
      if (waitMs > 0) await clock.sleep(waitMs, stopped.signal);
    }
  };

  const running = run().catch((error: unknown) => {
    if (!isAbort(error) && !stopped.signal.aborted)
      logger.error({ error: errorText(error) }, 'the way to ZooKeeper ended by a fault');
  });

  return {
    get present() {
      return present;
    },
    async stop(error) {
      stopped.abort(error);
      present?.drop(error);
      await running;
    },
  };
}
