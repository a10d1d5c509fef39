import { abortedError, onAbort, type WaitOptions } from '../kernel/abort.ts';
import { RollcallError } from '../kernel/errors.ts';
import { latest } from '../kernel/lane.ts';
import type {
  Created,
  Session,
  SessionState,
  Transaction,
  Watch,
  ZnodePath,
} from '../zookeeper/index.ts';

/** Something that is held for a while, as a scope: by its node, which is first in line. */
export interface Hold {
  /** The fencing token: the node's czxid. It rises from holder to holder, over the whole cluster. */
  readonly token: bigint;
  readonly path: ZnodePath;
  /** Aborts when the hold has ended: the session was suspended, lost or closed, the node is gone, or the holder was told to let go. */
  readonly signal: AbortSignal;
  /** Adds the check that makes the transaction fail in ZooKeeper once the node is gone, whatever our clock believes. */
  guard(transaction: Transaction): Transaction;
}

export interface OpenHold extends Hold {
  /** Aborts the signal, if nothing else has, and takes the watch away. */
  end(): Promise<void>;
}

/**
 * Takes up the hold of a node that is first in line; undefined when the node is not there any more, is another session's, or the session
 * cannot be relied on at this moment. The node itself is watched from now on: whoever deletes it ends the hold.
 */
export async function openHold(
  session: Session,
  { path, stat: { czxid: token } }: Created,
  { signal }: WaitOptions,
): Promise<OpenHold | undefined> {
  const ended = new AbortController();
  let watch: Watch | undefined;
  const end = (reason: unknown): void => {
    if (!ended.signal.aborted) ended.abort(reason);
  };

  const isStillThere = async (): Promise<boolean> => {
    watch = undefined;
    const found = await session.watchExists(path, look, { signal: ended.signal });
    watch = found.watch;
    return found.stat?.czxid === token && found.stat.ephemeralOwner === session.sessionId;
  };
  const lookAgain = latest(async () => {
    if (ended.signal.aborted) return;
    try {
      if (!(await isStillThere()))
        end(new RollcallError('FENCED', `the node of the hold is gone: ${path}`));
    } catch (error) {
      end(error);
    }
  });
  const look = (): void => void lookAgain();

  const undoes = [
    session.onState(state => {
      const reason = endOf(state);
      if (reason !== undefined) end(reason);
    }),
    ...(signal === undefined ? [] : [onAbort(signal, () => end(signal.reason))]),
  ];
  const close = async (): Promise<void> => {
    for (const undo of undoes) undo();
    end(abortedError('the hold'));
    await lookAgain();
    void watch?.close();
  };

  await lookAgain();
  if (ended.signal.aborted || !session.trusted()) {
    await close();
    return undefined;
  }
  return {
    token,
    path,
    signal: ended.signal,
    guard: transaction => transaction.check(path, -1),
    end: close,
  };
}

function endOf(state: SessionState): RollcallError | undefined {
  switch (state.kind) {
    case 'connecting':
    case 'connected':
      return undefined;
    case 'suspended':
      return new RollcallError(
        'CONNECTION_LOSS',
        'the session is suspended: ZooKeeper does not answer',
      );
    case 'lost':
      return new RollcallError('SESSION_LOST', 'the session is lost');
    case 'closed':
      return new RollcallError('SESSION_CLOSED', 'the session was closed');
    default:
      return state satisfies never;
  }
}
