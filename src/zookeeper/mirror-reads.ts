import { hasCode, isAbort, isRollcallError, RollcallError } from '../kernel/errors.ts';
import type { ReadRequest, ReadResult, Session, Stat, ZnodePath } from './api.ts';

/** One thing to be read. */
export type ReadItem =
  | ReadRequest
  /** Only the stat: of a parent whose child went. */
  | { readonly kind: 'stat'; readonly path: ZnodePath };

/** A node that was there. */
export type ReadNode = Extract<ReadResult, { readonly kind: 'data' }>;

/** What was found. */
export type Found =
  | ReadNode
  /** multiRead's lists come without a stat. */
  | {
      readonly kind: 'children';
      readonly path: ZnodePath;
      readonly names: readonly string[];
      readonly stat: Stat | undefined;
    }
  | { readonly kind: 'stat'; readonly path: ZnodePath; readonly stat: Stat }
  | { readonly kind: 'missing'; readonly path: ZnodePath }
  /** This path alone could not be read: it says nothing about whether the node is there. */
  | { readonly kind: 'failed'; readonly path: ZnodePath; readonly error: RollcallError };

/** What a failure of a whole request means: the connection went, or this request cannot be answered. */
export function endsConnection(error: unknown): boolean {
  if (isAbort(error) || !isRollcallError(error)) return true;
  return hasCode(
    error,
    'CONNECTION_LOSS',
    'SESSION_LOST',
    'SESSION_CLOSED',
    'AUTH_FAILED',
    'TIMEOUT',
  );
}

/** What a failed single read says of its path. @throws the error when it ends the connection. */
export function foundInstead(path: ZnodePath, error: unknown): Found {
  if (hasCode(error, 'NO_NODE')) return { kind: 'missing', path };
  if (endsConnection(error)) throw error;
  return {
    kind: 'failed',
    path,
    error: isRollcallError(error) ? error : new RollcallError('INTERNAL', path, { cause: error }),
  };
}

/** One request for one item. */
export async function readOne(
  session: Session,
  item: ReadItem,
  signal: AbortSignal,
): Promise<Found> {
  const { kind, path } = item;
  try {
    switch (kind) {
      case 'data':
        return { kind, path, ...(await session.getData(path, { signal })) };
      case 'children': {
        const { children, stat } = await session.getChildren(path, { signal });
        return { kind, path, names: children, stat };
      }
      case 'stat': {
        const stat = await session.exists(path, { signal });
        return stat === undefined ? { kind: 'missing', path } : { kind, path, stat };
      }
      default:
        return kind satisfies never;
    }
  } catch (error) {
    return foundInstead(path, error);
  }
}

/**
 * All items in one multiRead, answers in the order of the items. A request that fails as a whole although the connection
 * stands (an answer too large, for one) is halved until the item at fault is alone.
 */
export async function readMany(
  session: Session,
  items: readonly ReadItem[],
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const [first] = items;
  if (first === undefined) return [];
  if (items.length === 1) return [await readOne(session, first, signal)];
  try {
    const requests = items.map(
      (item): ReadRequest => (item.kind === 'stat' ? { kind: 'data', path: item.path } : item),
    );
    const results = await session.multiRead(requests, { signal });
    return items.map((item, index) => foundIn(item, results[index]));
  } catch (error) {
    if (endsConnection(error)) throw error;
    const middle = items.length >> 1;
    const halves = [items.slice(0, middle), items.slice(middle)];
    return (await Promise.all(halves.map(half => readMany(session, half, signal)))).flat();
  }
}

function foundIn(item: ReadItem, result: ReadResult | undefined): Found {
  if (result?.kind === 'data' && item.kind !== 'stat') return result;
  const { path } = item;
  if (result === undefined) {
    return {
      kind: 'failed',
      path,
      error: new RollcallError(
        'RUNTIME_INCONSISTENCY',
        `${path} is missing in a multiRead's answer`,
      ),
    };
  }
  if (result.kind === 'error') return foundInstead(path, result.error);
  if (result.kind === 'children')
    return { kind: 'children', path, names: result.children, stat: undefined };
  return { kind: 'stat', path, stat: result.stat };
}
