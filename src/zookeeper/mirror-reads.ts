import { hasCode, isAbort, isRollcallError, RollcallError } from '../kernel/errors.ts';
import type {
  ReadRequest,
  ReadResult,
  Session,
  Siblings,
  SingleResult,
  Stat,
  ZnodePath,
} from './api.ts';
import { childOf } from './mirror-paths.ts';

/** Many nodes of one directory. */
export type SiblingsItem = Extract<ReadRequest, { readonly kind: 'siblings' }>;

/** One thing to be read. */
export type ReadItem =
  | Exclude<ReadRequest, SiblingsItem>
  /** Only the stat: of a parent whose child went. */
  | { readonly kind: 'stat'; readonly path: ZnodePath };

/** A node that was there. */
export type ReadNode = Extract<ReadResult, { readonly kind: 'data' }>;

/** Small nodes of one directory that are there; `others` are all the rest. */
export interface FoundSiblings {
  readonly kind: 'siblings';
  readonly path: ZnodePath;
  /** Mostly one: an answer that would be too large is asked for in parts. */
  readonly runs: readonly Siblings[];
  readonly others: readonly Found[];
}

/** What was found of one path. */
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
): Promise<readonly Found[]>;
export async function readMany(
  session: Session,
  items: readonly (ReadItem | SiblingsItem)[],
  signal: AbortSignal,
): Promise<readonly (Found | FoundSiblings)[]>;
export async function readMany(
  session: Session,
  items: readonly (ReadItem | SiblingsItem)[],
  signal: AbortSignal,
): Promise<readonly (Found | FoundSiblings)[]> {
  const [first] = items;
  if (first === undefined) return [];
  if (items.length === 1 && first.kind !== 'siblings')
    return [await readOne(session, first, signal)];
  try {
    const requests = items.map(
      (item): ReadRequest => (item.kind === 'stat' ? { kind: 'data', path: item.path } : item),
    );
    const results = await session.multiRead(requests, { signal });
    return items.map((item, index) => foundIn(item, results[index]));
  } catch (error) {
    if (endsConnection(error)) throw error;
    if (items.length === 1 && first.kind === 'siblings')
      return [await readSiblings(session, first, signal)];
    const halves = halvesOf(items).map(half => readMany(session, half, signal));
    return (await Promise.all(halves)).flat();
  }
}

/** Those of one directory that cannot be read in one go. */
async function readSiblings(
  session: Session,
  { path, names }: SiblingsItem,
  signal: AbortSignal,
): Promise<FoundSiblings> {
  const [name] = names;
  if (names.length === 1 && name !== undefined) {
    const other = await readOne(session, { kind: 'data', path: childOf(path, name) }, signal);
    return { kind: 'siblings', path, runs: [], others: [other] };
  }
  const halves = halvesOf(names).map(
    (half): SiblingsItem => ({ kind: 'siblings', path, names: half }),
  );
  const found = (await Promise.all(halves.map(half => readMany(session, [half], signal)))).flat();
  return {
    kind: 'siblings',
    path,
    runs: found.flatMap(one => (one.kind === 'siblings' ? one.runs : [])),
    others: found.flatMap(one => (one.kind === 'siblings' ? one.others : one)),
  };
}

function halvesOf<T>(all: readonly T[]): readonly (readonly T[])[] {
  const middle = all.length >> 1;
  return [all.slice(0, middle), all.slice(middle)];
}

function foundIn(
  item: ReadItem | SiblingsItem,
  result: ReadResult | undefined,
): Found | FoundSiblings {
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
  switch (result.kind) {
    case 'data':
      return item.kind === 'stat' ? { kind: 'stat', path, stat: result.stat } : result;
    case 'children':
      return { kind: 'children', path, names: result.children, stat: undefined };
    case 'siblings':
      return { kind: 'siblings', path, runs: [result], others: result.others.map(foundAlone) };
    case 'error':
      return foundInstead(path, result.error);
    default:
      return result satisfies never;
  }
}

function foundAlone(result: SingleResult): Found {
  return result.kind === 'data' ? result : foundInstead(result.path, result.error);
}
