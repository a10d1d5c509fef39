import { errorText, hasCode, isRollcallError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Session, Transaction, ZnodePath } from '../zookeeper/index.ts';

export type WriteResult = 'ok' | 'fenced' | 'error';

/** What the writer needs of a term: the fence, and when to stop. */
export interface Fence {
  readonly signal: AbortSignal;
  /** Adds the check that makes the transaction fail once this term is over. */
  guard(transaction: Transaction): Transaction;
}

export interface DerivedWriterOptions {
  readonly session: Session;
  readonly fence: Fence;
  readonly logger: Logger;
  /** Told of each write that was sent, once its end is known. */
  readonly onResult: (result: WriteResult) => void;
}

/**
 * Writes one node at a time, each in a transaction of its own that the term's fence guards, and with the version that it knows:
 * what somebody else wrote meanwhile is never written over unseen. `fenced` is final: the term is over.
 */
export interface DerivedWriter {
  put(path: ZnodePath, data: Buffer): Promise<WriteResult>;
  /** Gone already is fine. With `mzxid`: only while nothing was written into it since then; otherwise it is left alone. */
  remove(path: ZnodePath, mzxid?: bigint): Promise<WriteResult>;
}

/** Nothing was sent: the term is over, or the session's clock says that it may be. */
const mayWrite = ({ session, fence }: DerivedWriterOptions): boolean =>
  !fence.signal.aborted && session.trusted();

export function derivedWriter(options: DerivedWriterOptions): DerivedWriter {
  const { session, fence, logger } = options;
  /** Versions as we know them; null: the node is not there. Unknown ones are asked for first. */
  const versions = new Map<ZnodePath, number | null>();

  const versionOf = async (path: ZnodePath): Promise<number | null> => {
    const known = versions.get(path);
    if (known !== undefined) return known;
    const stat = await session.exists(path, { signal: fence.signal });
    return stat?.version ?? null;
  };

  /** The guard comes first: what fails there says that the term is over. */
  const isFenced = (error: unknown, guards: number): boolean => {
    if (!isRollcallError(error)) return false;
    if (error.code === 'FENCED') return true;
    const { index } = error.details;
    return typeof index === 'number' && index < guards;
  };

  /** The answer is waited for though the term may end meanwhile: what became of a write that was sent is counted. */
  const commit = async (fill: (transaction: Transaction) => Transaction): Promise<WriteResult> => {
    if (!mayWrite(options)) return 'error';
    const guarded = fence.guard(session.transaction());
    const guards = guarded.size;
    let result: WriteResult = 'ok';
    try {
      await fill(guarded).commit();
    } catch (error) {
      result = isFenced(error, guards) ? 'fenced' : 'error';
      const text = 'a derived write failed';
      if (result === 'error' && !hasCode(error, 'NO_NODE'))
        logger.warn({ error: errorText(error) }, text);
    }
    options.onResult(result);
    return result;
  };

  return {
    async put(path, data) {
      const version = await versionOf(path);
      const result = await commit(transaction =>
        version === null
          ? transaction.create(path, data)
          : transaction.setData(path, data, version),
      );
      if (result === 'ok') versions.set(path, version === null ? 0 : version + 1);
      else versions.delete(path);
      return result;
    },
    async remove(path, mzxid) {
      const stat = await session.exists(path, { signal: fence.signal });
      versions.delete(path);
      if (stat === undefined || (mzxid !== undefined && mzxid !== stat.mzxid)) return 'ok';
      return commit(transaction => transaction.remove(path, stat.version));
    },
  };
}
