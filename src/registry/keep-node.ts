import type { WaitOptions } from '../kernel/abort.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock, Timer } from '../kernel/clock.ts';
import { errorText, hasCode, RollcallError } from '../kernel/errors.ts';
import { latest } from '../kernel/lane.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import {
  createProtected,
  findProtected,
  type ProtectedPlace,
  removeIfThere,
  type ZnodePath,
} from '../zookeeper/index.ts';
import { type Farewell, leaveNodes } from './leave-node.ts';
import { judge, type Proof, type ProofEvent, type ProofEventKind } from './proof.ts';
import { repairPace } from './repair-pace.ts';
import { settlement } from './settlement.ts';
import { watchedNode } from './watched-node.ts';

export interface KeepNodeOptions extends ProtectedPlace {
  readonly data: Buffer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Mean time between looks that nothing called for, jittered by half; 0: none. They verify, they deliver nothing. */
  readonly verifyEveryMs: number;
  readonly onProof: (event: ProofEvent) => void;
}

/** Keeps one ephemeral sequential node present, ours, and saying what it should, across sessions, from the first `settled` on. */
export interface KeptNode {
  /** Where it is, or was last; undefined until it was made first. */
  readonly path: ZnodePath | undefined;
  readonly proof: Proof;
  /**
   * What the node should say from now on; the last call wins. Resolves when the node was seen to say it (or something newer), which may
   * be after ZooKeeper came back. Rejects with what the server said against it; the attempt goes on all the same.
   */
  set(data: Buffer, options?: WaitOptions): Promise<void>;
  /** Resolves when the node is proven as it should be now. */
  settled(options?: WaitOptions): Promise<void>;
  /** Stops keeping, and takes the node away. Resolves with `refused` when the server does not let us. */
  leave(farewell: Farewell): Promise<'removed' | 'refused'>;
}

/** Passing failures: the next contact mends them. */
const isPassing = (error: unknown): boolean => hasCode(error, 'CONNECTION_LOSS', 'SESSION_LOST');

export function keepNode(options: KeepNodeOptions): KeptNode {
  const { session, clock, random, logger } = options;
  const stopped = new AbortController();
  const waiting = { signal: stopped.signal };
  const node = watchedNode(session, () => kick());
  const wishes = settlement();
  const pace = repairPace(clock, random);
  let wanted = options.data;
  let path: ZnodePath | undefined;
  let lastPath: ZnodePath | undefined;
  /** More than one where we do not know which write came through. */
  let written: readonly Buffer[] = [];
  /** A create was begun whose end we do not know. */
  let perhapsMade = false;
  let everMade = false;
  let proof: Proof = { state: 'unproven', lastProofWallMs: undefined };
  let failures = 0;
  let timer: Timer | undefined;

  const tell = (kind: ProofEventKind): void => {
    try {
      options.onProof({ kind, path: path ?? lastPath, wallMs: clock.wallMs() });
    } catch (error) {
      logger.error({ error: errorText(error) }, 'a listener of a proof failed');
    }
  };

  const doubt = (): void => {
    if (proof.state !== 'proven') return;
    proof = { ...proof, state: 'unproven' };
    tell('unproven');
  };

  const lookAgainAfter = (delayMs: number): void => {
    timer?.cancel();
    if (!stopped.signal.aborted) timer = clock.after(delayMs, kick, { unref: true });
  };

  const proven = (upTo: number): void => {
    failures = 0;
    written = [wanted];
    proof = { state: 'proven', lastProofWallMs: clock.wallMs() };
    tell('proven');
    wishes.reached(upTo);
    const { verifyEveryMs } = options;
    if (verifyEveryMs > 0) lookAgainAfter(verifyEveryMs * (0.5 + random()));
  };

  const repairing = async (kind: ProofEventKind): Promise<void> => {
    logger.warn({ path, repair: kind }, 'a registered node was not as its owner left it');
    await pace(stopped.signal);
  };

  /** Of what an unfinished create left behind, the first that is our session's is taken on, the others go. */
  const adopt = async (): Promise<boolean> => {
    let adopted: ZnodePath | undefined;
    for (const found of await findProtected(options, waiting)) {
      const stat = adopted === undefined ? await session.exists(found, waiting) : undefined;
      if (stat?.ephemeralOwner === session.sessionId) adopted = found;
      else await removeIfThere(session, found, waiting);
    }
    perhapsMade = false;
    path = adopted;
    lastPath = adopted ?? lastPath;
    return adopted !== undefined;
  };

  const make = async (kind: ProofEventKind): Promise<void> => {
    path = undefined;
    if (perhapsMade && (await adopt())) return;
    await session.connected(waiting);
    const data = wanted;
    written = [...written.slice(-3), data];
    perhapsMade = true;
    ({ path } = await createProtected(options, data, waiting));
    lastPath = path;
    perhapsMade = false;
    written = [data];
    everMade = true;
    tell(kind);
  };

  const write = async (at: ZnodePath): Promise<void> => {
    const data = wanted;
    written = [...written.slice(-3), data];
    try {
      await session.setData(at, data, -1, waiting);
      written = [data];
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
  };

  const remake = async (): Promise<void> => {
    if (!everMade || perhapsMade) return make('created');
    await repairing('recreated');
    await make('recreated');
  };

  const replace = async (at: ZnodePath): Promise<void> => {
    await repairing('replaced');
    await removeIfThere(session, at, waiting);
    await make('replaced');
  };

  const restore = async (at: ZnodePath): Promise<void> => {
    await repairing('restored');
    await write(at);
    tell('restored');
  };

  /** Takes one step towards what should be; true when nothing is left to be done. */
  const step = async (): Promise<boolean> => {
    const { epoch, sessionId } = session;
    const { asked } = wishes;
    const at = path;
    const found = at === undefined ? undefined : await node.read(at, waiting);
    if (session.epoch !== epoch || session.sessionId !== sessionId) return false;
    const verdict = judge(found, sessionId, wanted, written);
    if (verdict === 'ours') {
      if (asked === wishes.asked) proven(asked);
      return asked === wishes.asked;
    }
    if (verdict !== 'outdated') doubt();
    if (at === undefined || verdict === 'missing') await remake();
    else if (verdict === 'foreign-owner') await replace(at);
    else if (verdict === 'overwritten') await restore(at);
    else await write(at);
    return false;
  };

  const run = latest(async () => {
    try {
      let isDone = false;
      while (!isDone && !stopped.signal.aborted) isDone = await step();
    } catch (error) {
      if (stopped.signal.aborted) return;
      doubt();
      if (!isPassing(error)) {
        logger.warn({ path, error: errorText(error) }, 'a node could not be registered');
        wishes.failed(error);
      }
      lookAgainAfter(backoffMs(failures, random()));
      failures += 1;
    }
  });
  const kick = (): void => void run();

  const stop = (reason: RollcallError): void => {
    if (stopped.signal.aborted) return;
    stopped.abort(reason);
    for (const undo of undoes) undo();
    timer?.cancel();
    proof = { ...proof, state: 'closed' };
    wishes.failed(reason);
  };

  const undoes = [
    session.onAttached(kick),
    session.onState(state => {
      if (state.kind === 'closed') stop(closedError('the session'));
      else if (state.kind !== 'connected') doubt();
    }),
  ];

  const settled = async (wait: WaitOptions = {}): Promise<void> => {
    stopped.signal.throwIfAborted();
    const done = wishes.wait(wait.signal);
    kick();
    await done;
  };

  return {
    get path() {
      return path ?? lastPath;
    },
    get proof() {
      return proof;
    },
    async set(data, wait) {
      stopped.signal.throwIfAborted();
      wanted = data;
      wishes.ask();
      await settled(wait);
    },
    settled,
    async leave(farewell) {
      stop(closedError('the registration'));
      await run();
      if (path === undefined && !perhapsMade) return 'removed';
      const paths = async (): Promise<readonly ZnodePath[]> => {
        if (perhapsMade) return findProtected(options, {});
        return path === undefined ? [] : [path];
      };
      const leaving = leaveNodes({ session, clock, farewell, paths });
      await node.forget();
      return leaving;
    },
  };
}

function closedError(what: string): RollcallError {
  return new RollcallError('SESSION_CLOSED', `${what} was closed`);
}
